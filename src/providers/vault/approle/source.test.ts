import assert from "node:assert/strict";
import { OperatorError } from "../../../kernel/errors.ts";
import { FakeClock } from "../../../kernel/fake-clock.ts";
import { silentLogger } from "../../../kernel/logger.ts";
import { describeCredentialSource } from "../../conformance.ts";
import type { CallContext, CredentialSource } from "../../contract.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";
import { FakeAppRole } from "./fake-role.ts";
import { appRoleName, appRoleSource, ROTATION_MARK } from "./source.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const config = { identities: { namePrefix: "keyturn", appRoleMount: "approle" } };

export const fakeAppRoleSource = (role: FakeAppRole, clock: FakeClock): CredentialSource => {
  const session = { identity: role.identity, appRole: role.calls } as unknown as VaultSession;
  const connection = {
    config,
    use: (run: (session: VaultSession) => Promise<unknown>) => run(session),
  } as unknown as VaultConnection;
  return appRoleSource(connection, { namespace: "payments", role: "web" }, clock);
};

describeCredentialSource("vaultAppRole in memory", () => {
  const clock = new FakeClock();
  return Promise.resolve({ source: fakeAppRoleSource(new FakeAppRole(() => clock.now()), clock) });
});

describe("AppRole source", () => {
  const clock = new FakeClock();
  let role: FakeAppRole;
  let source: CredentialSource;

  beforeEach(() => {
    role = new FakeAppRole(() => clock.now());
    source = fakeAppRoleSource(role, clock);
  });

  it("marks what it makes with the rotation, and lists the mark", async () => {
    const { id } = await source.issue(context, "rotation-1");
    assert.deepEqual(role.secretIds.get(id)?.metadata, { [ROTATION_MARK]: "rotation-1" });
    assert.deepEqual(
      (await source.list(context)).credentials.map(({ mark }) => mark),
      ["rotation-1"],
    );
  });

  it("says when a secret id ends by itself", async () => {
    role.ttlSeconds = 3600;
    const issued = await source.issue(context, "r");
    assert.equal(issued.expiresAt?.getTime(), clock.now().getTime() + 3_600_000);
    assert.equal((await source.list(context)).credentials[0]?.expiresAt?.getTime(), issued.expiresAt.getTime());
  });

  it("says that the role does not exist", async () => {
    role.exists = false;
    assert.equal((await source.observeTarget(context)).exists, false);
    await assert.rejects(
      source.issue(context, "r"),
      (error) => error instanceof OperatorError && error.code === "NotFound",
    );
  });

  it("says of a role that was deleted that it is not there, and of its secret ids that they are gone", async () => {
    const { id, material } = await source.issue(context, "r");
    role.deleteRole();
    await assert.rejects(
      source.list(context),
      (error) => error instanceof OperatorError && error.code === "NotFound" && !error.ambiguous,
    );
    assert.equal(await source.revoke(id, context), "alreadyAbsent");
    assert.equal((await source.proveRefused(material, context)).kind, "refused");
  });

  it("lists nothing of a role that was made anew", async () => {
    await source.issue(context, "r");
    role.deleteRole();
    role.exists = true;
    assert.deepEqual((await source.list(context)).credentials, []);
  });

  it("reaches roles of its own namespace only", () => {
    const name = (namespace: string, short: string) => appRoleName({ config } as never, { namespace, role: short });
    assert.equal(name("payments", "web"), "keyturn.payments.web");
    assert.equal(name("payments", "exporter.lake"), "keyturn.payments.exporter.lake");
    for (const [namespace, short] of [
      ["payments", "../x"],
      ["payments", "a.b.c"],
      ["payments", ".a"],
      ["pay.ments", "a"],
      ["payments", "A"],
    ] as const)
      assert.throws(() => name(namespace, short), OperatorError);
  });
});
