import type { Mutant } from "./mutants.ts";

const vault = "src/providers/vault/*.test.ts";
const providers = "src/providers/*.test.ts";

/** Ways to break the operator's own login and the bound on RSA keys. */
export const tokenMutants: readonly Mutant[] = [
  {
    name: "take every refusal by Vault for the token's",
    file: "src/providers/vault/connection.ts",
    text: "if (await isGood(refused)) return undefined;",
    instead: "if (disposed && (await isGood(refused))) return undefined;",
    specs: [vault],
  },
  {
    name: "drop a refused token without revoking it",
    file: "src/providers/vault/connection.ts",
    text: "        token = undefined;\n        retire(refused);",
    instead: "        token = undefined;\n        refused.retired = true;",
    specs: [vault],
  },
  {
    name: "log in anew for each refusal",
    file: "src/providers/vault/connection.ts",
    text: "if (clock.monotonicMs() < nextLoginMs) return undefined;",
    instead: "if (clock.monotonicMs() + BETWEEN_LOGINS_MS < nextLoginMs) return undefined;",
    specs: [vault],
  },
  {
    name: "make RSA keys of hooks beyond the two places",
    file: "src/providers/rsa-keys.ts",
    text: '  rsaPlaces.run(() => make("rsa", { modulusLength }));',
    instead:
      '  modulusLength < 4096 ? rsaPlaces.run(() => make("rsa", { modulusLength })) : make("rsa", { modulusLength });',
    specs: [providers],
  },
  {
    name: "issue a first certificate with a lease",
    file: "src/providers/vault/pki/source.ts",
    text: "if (answer.leased && options?.first === true) {",
    instead: "if (answer.leased && options?.first === true && answer.chain.length === 0) {",
    specs: ["src/providers/vault/pki/*.test.ts"],
  },
];
