import { deepStrictEqual, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readDockerfile } from "./dockerfile.ts";
import { skipReason } from "./stages.ts";

const own = readFileSync(join(import.meta.dirname, "../../Dockerfile"), "utf8");

describe("reading a Dockerfile", () => {
  it("finds stages, their images with the defaults of ARGs, and instructions", () => {
    const text = [
      "# a comment",
      "ARG BASE=node:24",
      "FROM ${BASE} AS one",
      "WORKDIR /build",
      "COPY a b ./",
      "RUN npm ci \\",
      "  # inside of a line",
      "  --quiet",
      "ENV X=1 Y=2",
      "FROM one",
      "USER 1:2",
      "COPY --from=one /x /y",
      'RUN ["/y", "--help"]',
      'ENTRYPOINT ["/y"]',
    ].join("\n");
    deepStrictEqual(readDockerfile(text), [
      {
        name: "one",
        from: "node:24",
        instructions: [
          { kind: "workdir", path: "/build" },
          { kind: "copy", sources: ["a", "b"], to: "./" },
          { kind: "run", command: { form: "shell", text: "npm ci   --quiet" }, line: "npm ci   --quiet" },
          { kind: "env", values: { X: "1", Y: "2" } },
        ],
      },
      {
        name: "1",
        from: "one",
        instructions: [
          { kind: "user", user: "1:2" },
          { kind: "copy", from: "one", sources: ["/x"], to: "/y" },
          { kind: "run", command: { form: "exec", argv: ["/y", "--help"] }, line: '["/y", "--help"]' },
          { kind: "entrypoint" },
        ],
      },
    ]);
  });

  it("refuses an image that nothing names", () => {
    throws(() => readDockerfile("ARG BASE\nFROM ${BASE}"), /BASE has no default/);
    throws(() => readDockerfile("FROM ${OTHER}"), /OTHER has no default/);
    throws(() => readDockerfile("ARG BASE=\nFROM ${BASE}"), /BASE has no default/);
  });

  it("refuses every line that it would not carry out as a builder does", () => {
    for (const line of [
      "ADD a b",
      "RUN --mount=type=cache,target=/x true",
      "RUN <<EOF",
      "COPY --chown=1:1 a b",
      "COPY *.json ./",
      'ENV X="a b"',
      "ARG LATE=1",
      "nonsense",
    ])
      throws(() => readDockerfile(`FROM node:24\n${line}`), /not read here/, line);
  });

  it("reads the project's own: every image has a default, and each line that is left out is known", () => {
    const stages = readDockerfile(own);
    const skippedBy = (asRoot: boolean): readonly string[] =>
      stages.flatMap(({ instructions }) =>
        instructions.flatMap((one) => (one.kind === "run" && skipReason(one, asRoot) !== undefined ? [one.line] : [])),
      );
    deepStrictEqual(skippedBy(true), []);
    deepStrictEqual(skippedBy(false), ["chown 65532:65532 /app"]);
    const runs = stages.flatMap(({ instructions }) => instructions.filter(({ kind }) => kind === "run"));
    deepStrictEqual(runs.length, own.match(/^RUN /gm)?.length);
  });
});
