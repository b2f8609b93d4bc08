import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CONDITIONS, type ConditionMeaning } from "../../src/api/v1alpha1/reasons.ts";
import { root } from "../lane/paths.ts";
import { readFixtures } from "./fixtures.ts";

const meanings: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;

describe("states for Argo CD and kstatus", () => {
  it("say nothing that the operator cannot say", async () => {
    for (const { signature, object } of await readFixtures()) {
      const { conditions } = object["status"] as { conditions: { type: string; reason: string }[] };
      for (const { type, reason } of conditions)
        assert.ok(meanings[type]?.reasons[reason] !== undefined, `${signature}: ${type} ${reason}`);
    }
  });

  it("are there for each kind, each health that it can have, and each way to be in trouble", async () => {
    const fixtures = await readFixtures();
    const seen = new Set(fixtures.map(({ object, health }) => `${object.kind ?? ""} ${health}`));
    for (const kind of ["SecretRotation", "ServiceAccountLifecycle"])
      for (const health of ["Healthy", "Progressing", "Suspended", "Degraded"])
        assert.ok(seen.has(`${kind} ${health}`), `${kind} ${health}`);
    for (const word of [
      "IdentityHold Healthy",
      "IdentityHold Progressing",
      "ProviderConnection Healthy",
      "ProviderConnection Degraded",
      "OrphanedCredential Progressing",
    ])
      assert.ok(seen.has(word), word);
    for (const type of ["Stalled", "Reverted", "Conflict", "Suspended", "Offboarded"])
      assert.ok(
        fixtures.some(({ signature }) => signature.includes(` ${type}=True`)),
        type,
      );
  });

  it("have a script for each kind", async () => {
    const scripts = (await readdir(join(root, "config/argocd"))).filter((file) => file.endsWith(".lua")).sort();
    const kinds = [...new Set((await readFixtures()).map(({ object }) => `${object.kind ?? ""}.lua`))].sort();
    assert.deepEqual(scripts, kinds);
  });
});
