import { deepEqual } from "node:assert/strict";
import { remembered } from "./connect.ts";
import { silentLogger } from "./kernel/logger.ts";
import { SecretMaterial } from "./kernel/secret-material.ts";
import type { CredentialSource } from "./providers/contract.ts";

describe("a source whose values the redactor learns", () => {
  it("passes on everything that was asked, and its caution", async () => {
    const asked: unknown[] = [];
    const material = new SecretMaterial({ privateKey: "key" });
    const source: Pick<CredentialSource, "issue" | "caution"> = {
      issue: (...all) => {
        asked.push(all.slice(1));
        return Promise.resolve({ id: "1", material, issuedAt: new Date(0) });
      },
      caution: () => ({ message: "mend it" }),
    };
    const texts: string[] = [];
    const wrapped = remembered(source as CredentialSource, { rememberText: (text) => void texts.push(text) });
    const context = { signal: new AbortController().signal, log: silentLogger };
    await wrapped.issue(context, "r-1", { inUse: [], first: true });
    deepEqual(asked, [["r-1", { inUse: [], first: true }]]);
    deepEqual([texts, wrapped.caution?.(context)], [["key"], { message: "mend it" }]);
  });
});
