import assert from "node:assert/strict";
import { policyTextEffect } from "./effect.ts";

const rule = (path: string, body: string): string => `path "${path}" {\n  ${body}\n}\n`;
const read = rule("kv/data/app/*", `capabilities = ["read", "list"]`);
const deny = rule("kv/data/app/secret", `capabilities = ["deny"]`);

describe("policyTextEffect", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["one rule that gives", read, "Allows"],
    [
      "two of them, with comments",
      `# a\n${read}// b\n/* c\n "d" */ ${rule("sys/+/x", `capabilities=["sudo",]`)}`,
      "Allows",
    ],
    ["one rule that denies", deny, "Denies"],
    ["deny among others: Vault counts deny alone", rule("a", `capabilities = ["read", "deny"]`), "Denies"],
    ["no capability at all, which hides what a wider rule gives", rule("a/b", "capabilities = []"), "Denies"],
    ["an empty rule", rule("a/b", ""), "Denies"],
    ["one of each", read + deny, "Both"],
    ["nothing", "", "Allows"],
    ["only a comment", "# made by hand", "Allows"],
    ["a name", `name = "billing"\n${read}`, "Allows"],
    ["the old words", rule("a", `policy = "write"`), "Allows"],
    ["the old word for deny", rule("a", `policy = "deny"`), "Denies"],
    ["a quoted keyword", `"path" "a" { "capabilities" = ["read"] }`, "Allows"],
    ["parameters that are denied", rule("a", `capabilities = ["update"]\n denied_parameters = { "x" = [] }`), "Both"],
    ["parameters as a block", rule("a", `capabilities = ["update"]\n allowed_parameters { "*" = [] }`), "Both"],
    ["parameters that are demanded", rule("a", `capabilities = ["update"]\n required_parameters = ["x"]`), "Both"],
    ["a wrapping that is demanded", rule("a", `capabilities = ["read"]\n min_wrapping_ttl = "1m"`), "Both"],
    ["a comment of a rule", rule("a", `capabilities = ["read"]\n comment = "deny"`), "Allows"],
    ["JSON", JSON.stringify({ path: { "a/*": { capabilities: ["read"] }, b: { capabilities: ["deny"] } } }), "Both"],
    ["JSON in lists", JSON.stringify({ path: [{ a: [{ capabilities: ["deny"] }] }] }), "Denies"],
    ["JSON that gives", JSON.stringify({ name: "x", path: { a: { capabilities: ["read"] } } }), "Allows"],
    ["JSON with a path twice", `{"path":{"a":{"capabilities":["deny"]},"a":{"capabilities":["read"]}}}`, "Both"],
    // Not understood.
    ["a word of tomorrow", rule("a", `capabilities = ["teleport"]`), "Both"],
    ["a member of tomorrow", rule("a", `capabilities = ["read"]\n unless = ["x"]`), "Both"],
    ["capabilities twice", rule("a", `capabilities = ["read"]\n capabilities = ["deny"]`), "Both"],
    ["a heredoc", rule("a", `capabilities = ["read"]\n comment = <<EOT\nx\nEOT`), "Both"],
    ["interpolation", rule("a", 'capabilities = ["${"read"}"]'), "Both"],
    ["a rule that does not end", `path "a" { capabilities = ["deny"]`, "Both"],
    ["a text that does not end", `path "a { capabilities = ["deny"] }`, "Both"],
    ["a comment that does not end", `${deny}/* ${read}`, "Both"],
    ["one brace too many", `${deny}}`, "Both"],
    ["no path", `path { capabilities = ["deny"] }`, "Both"],
    ["two paths", `path "a" "b" { capabilities = ["deny"] }`, "Both"],
    ["another block", `rule "a" { capabilities = ["deny"] }`, "Both"],
    ["capabilities that are no list", rule("a", `capabilities = "deny"`), "Both"],
    ["capabilities that are no words", rule("a", "capabilities = [1]"), "Both"],
    ["JSON null", `{"path":null}`, "Both"],
    ["depth without end", `${"path = {".repeat(40)}${"}".repeat(40)}`, "Both"],
    ["a text of a megabyte", `# ${"x".repeat(1 << 20)}\n${deny}`, "Both"],
  ];
  for (const [what, text, effect] of cases) {
    it(`${effect}: ${what}`, () => {
      assert.equal(policyTextEffect(text), effect);
    });
  }

  it("never says Allows or Denies of a text that was cut anywhere inside a rule", () => {
    const whole = read + deny;
    for (let end = read.length + 1; end < whole.trimEnd().length; end += 1) {
      const cut = whole.slice(0, end);
      if (cut.trim() !== read.trim()) assert.equal(policyTextEffect(cut), "Both", cut);
    }
  });
});
