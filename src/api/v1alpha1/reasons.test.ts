import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CONDITIONS, EVENTS, type ConditionMeaning, type EventMeaning, POLARITY_WORDS } from "./reasons.ts";

const ROOT = join(import.meta.dirname, "../../..");
const page = (name: string): Promise<string> => readFile(join(ROOT, "docs/reference", `${name}.md`), "utf8");

/** First cell and the rest of every table row below a heading `## Name`; rows before the first heading are under "". */
const tables = (markdown: string): Readonly<Record<string, Readonly<Record<string, string>>>> => {
  const found: Record<string, Record<string, string>> = {};
  let section: Record<string, string> = (found[""] = {});
  for (const line of markdown.split("\n")) {
    const heading = /^## (\w+)$/.exec(line)?.[1];
    if (heading !== undefined) section = found[heading] = {};
    const row = /^\| `(\w+)` \| (.*) \|$/.exec(line);
    if (row !== null) section[row[1]!] = row[2]!;
  }
  return Object.fromEntries(Object.entries(found).filter(([, rows]) => Object.keys(rows).length > 0));
};

const sources = async (): Promise<readonly { readonly path: string; readonly text: string }[]> => {
  const paths = await readdir(join(ROOT, "src"), { recursive: true });
  const code = paths.filter((path) => /(domain|reconcilers)\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"));
  return Promise.all(code.map(async (path) => ({ path, text: await readFile(join(ROOT, "src", path), "utf8") })));
};

const known: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;
const knownEvents: Readonly<Record<string, EventMeaning>> = EVENTS;

describe("conditions and events", () => {
  it("stand in docs/reference/conditions.md as in the code", async () => {
    const wanted = Object.fromEntries(Object.entries(known).map(([type, { reasons }]) => [type, { ...reasons }]));
    deepStrictEqual(tables(await page("conditions")), wanted);
  });

  it("say on that page what each condition means, where it stands, and whether True is good", async () => {
    const text = await page("conditions");
    for (const [type, { meaning, on, polarity }] of Object.entries(known)) {
      strictEqual(
        text.includes(`## ${type}\n\n${meaning} On ${on.join(", ")}. ${POLARITY_WORDS[polarity]}\n`),
        true,
        type,
      );
    }
  });

  it("stand in docs/reference/events.md as in the code", async () => {
    const wanted = Object.fromEntries(
      Object.entries(knownEvents).map(([reason, { type, meaning }]) => [reason, `${type} | ${meaning}`]),
    );
    deepStrictEqual(tables(await page("events")), { "": wanted });
  });

  it("include every condition that is reported with literal words", async () => {
    const unknown = (await sources()).flatMap(({ path, text }) =>
      CONDITION_FORMS.flatMap((form) => [...text.matchAll(form)])
        .filter(([, type, reason]) => known[type!]?.reasons[reason!] === undefined)
        .map(([, type, reason]) => `${path}: ${type} ${reason}`),
    );
    deepStrictEqual(unknown, []);
  });

  it("include every event that is recorded with literal words, with its type, and no other", async () => {
    const recorded = (await sources()).flatMap(({ text }) =>
      EVENT_FORMS.flatMap((form) => [...text.matchAll(form)].map(([, type, reason]) => `${type!} ${reason!}`)),
    );
    const listed = Object.entries(knownEvents).map(([reason, { type }]) => `${type} ${reason}`);
    deepStrictEqual([...new Set(recorded)].sort(), listed.sort());
  });
});

const EVENT_FORMS = [/type: "(Normal|Warning)",\s*reason: "(\w+)"/g, /\bsay\(\s*\w+,\s*"(Normal|Warning)",\s*"(\w+)"/g];

/** The ways in which a condition is written down in domain and reconcilers. */
const CONDITION_FORMS = [
  /\bcondition\(\s*"(\w+)",\s*"(?:True|False|Unknown)",\s*"(\w+)"/g,
  /type: "(\w+)",\s*status: "(?:True|False|Unknown)",\s*reason: "(\w+)"/g,
];
