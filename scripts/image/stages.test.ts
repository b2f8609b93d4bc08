import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile, mkdir, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDockerfile } from "./dockerfile.ts";
import { buildStages, type Built } from "./stages.ts";

const asRoot = process.getuid?.() === 0;

describe("carrying out a Dockerfile without an engine", () => {
  let folder: string;
  let context: string;
  let into: string;
  let said: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyturn-stages-"));
    await chmod(folder, 0o755);
    [context, into] = [join(folder, "context"), join(folder, "into")];
    said = [];
    await mkdir(join(context, "src/deep"), { recursive: true });
    await writeFile(join(context, "a.txt"), "a");
    await writeFile(join(context, "src/deep/b.txt"), "b");
    await writeFile(join(context, "left-out.txt"), "c");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const build = async (lines: readonly string[], root = asRoot): Promise<Built> => {
    await rm(into, { recursive: true, force: true });
    await mkdir(into);
    return buildStages({
      stages: readDockerfile(lines.join("\n")),
      context,
      admitted: ["a.txt", "src/deep/b.txt"],
      into,
      asRoot: root,
      say: (line) => void said.push(line),
    });
  };

  it("copies, runs, and goes on in later stages, with the image's paths in the stage's folder", async () => {
    const { ran, skipped } = await build([
      "FROM node:24 AS one",
      "WORKDIR /build",
      "COPY a.txt ./",
      "COPY src ./src",
      "RUN cat a.txt src/deep/b.txt > /build/both.txt",
      "FROM node:24 AS two",
      "COPY --from=one /build/both.txt /app/whole.txt",
      "COPY --from=one /usr/local/bin/node /app/node",
      "ENV PLACE=/app/made WORD=/nowhere/else",
      `RUN ["/app/node", "-e", "fs.writeFileSync(process.env.PLACE, process.env.WORD + fs.readFileSync('/app/whole.txt'.length > 0 ? process.argv[1] : ''))", "/app/whole.txt"]`,
      "FROM other/base",
      "COPY --from=two /app /app",
      "COPY --from=one /build/a.txt /build/both.txt /app/",
    ]);
    deepStrictEqual(skipped, []);
    deepStrictEqual(ran.length, 2);
    deepStrictEqual(await readFile(join(into, "2/app/made"), "utf8"), "/nowhere/elseab");
    deepStrictEqual(await readFile(join(into, "2/app/both.txt"), "utf8"), "ab");
    ok(existsSync(join(into, "2/app/a.txt")));
    ok(said.some((line) => line.includes("RUN cat a.txt src/deep/b.txt > /build/both.txt")));
  });

  it("fails with the line that fails", async () => {
    await rejects(build(["FROM node:24", "RUN true", "RUN exit 3"]), /RUN exit 3: ended with 3/);
    await rejects(build(["FROM node:24", 'RUN ["/app/absent"]']), /RUN \["\/app\/absent"\]: ended with .*ENOENT/);
    await rejects(build(["FROM other/base", "RUN true"]), /not known to have a shell/);
  });

  it("fails where a COPY names what is not admitted, not there or not made", async () => {
    await rejects(build(["FROM node:24", "COPY left-out.txt ./"]), /COPY left-out.txt: .dockerignore admits nothing/);
    await rejects(build(["FROM node:24", "COPY nothing ./"]), /COPY nothing/);
    await rejects(build(["FROM node:24 AS one", "FROM other/base", "COPY --from=one /x /x"]), /has made nothing/);
    await rejects(build(["FROM node:24", "COPY --from=one /x /x"]), /no stage of that name/);
  });

  it("lets nothing of the machine's environment decide what is installed", async () => {
    const { NODE_ENV, npm_config_omit } = process.env;
    Object.assign(process.env, { NODE_ENV: "production", npm_config_omit: "dev" });
    try {
      await build(["FROM node:24", 'RUN test -z "$NODE_ENV$npm_config_omit"', "RUN command -v npm"]);
    } finally {
      for (const [name, value] of Object.entries({ NODE_ENV, npm_config_omit })) {
        if (value === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = value;
      }
    }
  });

  it("gives files away and becomes the image's user as root; else says what it did not run, and why", async () => {
    const lines = [
      "FROM node:24",
      "WORKDIR /app",
      "RUN chown 65532:65532 /app",
      "USER 65532:65532",
      "RUN echo x > /app/made",
    ];
    deepStrictEqual(await build(lines, false), {
      ran: ["echo x > /app/made"],
      skipped: [{ line: "chown 65532:65532 /app", reason: "only root gives files to another user" }],
    });
    ok(
      said.some((line) => line.includes("not run: RUN chown 65532:65532 /app (only root gives files to another user)")),
    );
    if (!asRoot) return;
    deepStrictEqual((await build(lines, true)).skipped, []);
    deepStrictEqual((await stat(join(into, "0/app/made"))).uid, 65532);
  });
});
