import { deepStrictEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const readText = (path: string): string => readFileSync(join(ROOT, path), "utf8");

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string;
}

/** Calls of IAM in a file: it imports the command of each by name. */
const callsIn = (path: string): readonly string[] => {
  const [, names = ""] = /import \{([^}]*)\} from "@aws-sdk\/client-iam"/.exec(readText(path)) ?? [];
  return [...names.matchAll(/\b(\w+)Command\b/g)].map(([, name = ""]) => `iam:${name}`);
};

/** Action → resource, of the one policy that a page shows. */
const policyOn = (page: string): ReadonlyMap<string, string> => {
  const [[, text = ""] = [], ...others] = [...readText(page).matchAll(/```json\n([\s\S]*?)```/g)];
  deepStrictEqual(others, [], `${page} shows one policy`);
  const { Statement } = JSON.parse(text) as { readonly Statement: readonly Statement[] };
  ok(Statement.every(({ Effect }) => Effect === "Allow"));
  const pairs = Statement.flatMap(({ Action, Resource }) => Action.map((action) => [action, Resource] as const));
  deepStrictEqual(pairs.length, new Set(pairs.map(([action]) => action)).size, `${page} names each action once`);
  return new Map(pairs);
};

const KEYS = callsIn("src/providers/aws/sdk.ts");
const IDENTITIES = [
  "src/providers/aws/identity/sdk.ts",
  "src/providers/aws/identity/credentials/sdk.ts",
  "src/providers/aws/identity/policies/sdk.ts",
].flatMap(callsIn);
/** A page, and the calls that the operator makes of what it tells. */
const pages: readonly (readonly [string, readonly string[]])[] = [
  ["docs/how-to/rotate-an-aws-key.md", KEYS],
  ["docs/how-to/grants-and-requesters.md", [...new Set([...KEYS, ...IDENTITIES])]],
];

/** Where an action that changes something may act. */
const placeOf = (action: string): string => {
  if (/UserToGroup$|UserFromGroup$/.test(action)) return "group/*";
  if (/InstanceProfile$/.test(action)) return "instance-profile/*";
  if (/VirtualMFADevice$/.test(action)) return "mfa/*";
  return /Role/.test(action) ? "role/keyturn/*" : "user/keyturn/*";
};

describe("IAM policies that pages give the operator", () => {
  for (const [page, calls] of pages) {
    it(`allow all that the operator calls and nothing else: ${page}`, () => {
      ok(calls.length > 5);
      deepStrictEqual([...policyOn(page).keys()].sort(), [...calls].sort());
    });

    it(`allow to ask for a name that does not exist, which IAM judges without a path: ${page}`, () => {
      const policy = policyOn(page);
      for (const action of calls.filter((call) => ["iam:GetUser", "iam:GetRole"].includes(call)))
        deepStrictEqual([action, policy.get(action)], [action, "*"]);
    });

    it(`change nothing outside of Keyturn's own path but members of groups: ${page}`, () => {
      for (const [action, resource] of policyOn(page)) {
        if (/^iam:(Get|List)/.test(action)) continue;
        deepStrictEqual([action, resource], [action, `arn:aws:iam::123456789012:${placeOf(action)}`]);
      }
    });
  }
});
