import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { Bench, ROTATION } from "../ports.fake.ts";
import { sweep } from "../sweep.ts";

type Change = Pick<Partial<SecretRotationSpec>, "deletion">;

const certificate = (mode: "OnRetirement" | "Never", more: Change = {}): Partial<SecretRotationSpec> => ({
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
  retire: { overlap: "1h" },
  source: {
    vaultPKI: { connectionRef: { name: "vault" }, role: "web", dnsNames: ["web.example"], revocation: { mode } },
  },
  ...more,
});

const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count && bench.cluster.peek(ROTATION) !== undefined; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};

const alive = ({ pki }: Bench): readonly string[] =>
  [...pki.serials].filter(([, { revoked }]) => !revoked).map(([serial]) => serial);

/** One certificate in use; from the hold on, Vault refuses to revoke until it is back. */
const held = async (more: Change) => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply(certificate("OnRetirement", more));
  await passes(bench, 20);
  assert.equal(alive(bench).length, 1);
  let away = true;
  bench.wrapVault = (source) => ({
    ...source,
    revoke: (...given: Parameters<typeof source.revoke>) =>
      away
        ? Promise.reject(new OperatorError("Unavailable", { publicMessage: "Vault is away." }))
        : source.revoke(...given),
  });
  bench.start();
  bench.hold("leak", { name: "*" });
  await passes(bench, 10);
  return {
    bench,
    isBack: async () => {
      away = false;
      await bench.clock.advance(3_600_000);
      await passes(bench, 10);
      await sweep(bench.ports, { log: silentLogger, signal: new AbortController().signal });
      await bench.ledgerToRest();
    },
  };
};

describe("a certificate under a hold while Vault does not revoke", () => {
  for (const policy of ["Delete", "Retain"] as const)
    for (const mode of ["OnRetirement", "Never"] as const)
      it(`is revoked when Vault is back although its resource is deleted (${policy}, revocation.mode ${mode})`, async () => {
        const { bench, isBack } = await held({ deletion: { policy } });
        bench.apply(certificate(mode, { deletion: { policy } }));
        await passes(bench, 2);
        await bench.deleteRotation();
        await passes(bench, 5);
        await isBack();
        assert.deepEqual(alive(bench), []);
      });
});
