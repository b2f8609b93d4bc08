import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { silentLogger } from "../kernel/logger.ts";
import type { CallContext, CredentialSource, IssuedCredential } from "./contract.ts";

/** One target, empty and marked with its owner, behind a source. Made anew for each test. */
export interface ConformanceHarness {
  readonly source: CredentialSource;
  /** How many calls that change something the provider has got; undefined where nobody can count them. */
  mutations?(): number;
  /** Lets a new credential become known, where the provider is eventually consistent. */
  settle?(): Promise<void>;
  dispose?(): Promise<void>;
}

/**
 * What every CredentialSource must do, as mocha tests. The same suite runs against in-memory fakes and against real servers.
 */
export const describeCredentialSource = (name: string, make: () => Promise<ConformanceHarness>): void => {
  describe(`credential source: ${name}`, () => {
    const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
    let harness: ConformanceHarness;
    let source: CredentialSource;

    /** Issued in this test. */
    let made: string[];

    beforeEach(async () => {
      made = [];
      harness = await make();
      source = harness.source;
    });
    afterEach(async () => {
      await harness.dispose?.();
    });

    const issueOnly = async (rotationId?: string): Promise<IssuedCredential> => {
      const issued = await source.issue(context, rotationId, { inUse: made });
      made.push(issued.id);
      return issued;
    };
    const issue = async (): Promise<IssuedCredential> => {
      const issued = await issueOnly();
      await harness.settle?.();
      return issued;
    };
    /** Where places are overwritten, each has something in it that nobody issued. */
    const ids = async (): Promise<readonly string[]> =>
      (await source.list(context)).credentials
        .map((credential) => credential.id)
        .filter((id) => source.capabilities.overwrites !== true || made.includes(id))
        .sort();
    const isEnabled = async (id: string): Promise<boolean | undefined> =>
      (await source.list(context)).credentials.find((credential) => credential.id === id)?.enabled;

    it("observes and lists without changing anything", async () => {
      const issued = await issue();
      const before = harness.mutations?.();
      const first = await source.observeTarget(context);
      const second = await source.observeTarget(context);
      assert.deepEqual(first, second);
      assert.equal(first.exists && first.allowed, true);
      await ids();
      await source.lastUse(issued.id, context);
      assert.equal(harness.mutations?.(), before);
    });

    it("marks the owner so that the next observation shows the mark, or says that the name does", async () => {
      if ((await source.observeTarget(context)).ownedByName === true) return;
      await source.markOwner({ uid: "11111111-2222-3333-4444-555555555555" }, context);
      assert.equal((await source.observeTarget(context)).ownerUid, "11111111-2222-3333-4444-555555555555");
    });

    it("marks what it issues with the rotation, where it can", async () => {
      const { id } = await issueOnly("rotation-1");
      const found = (await source.list(context)).credentials.find((credential) => credential.id === id);
      assert.equal(found?.mark, source.capabilities.marks ? "rotation-1" : undefined);
    });

    it("adds one credential and removes none when it issues", async () => {
      const first = await issue();
      assert.deepEqual(await ids(), [first.id]);
      const second = await issue();
      assert.notEqual(first.id, second.id);
      assert.deepEqual(await ids(), [first.id, second.id].sort());
      assert.equal(first.material.equals(second.material), false);
    });

    it("lists what it issued as enabled, with times of the provider", async () => {
      const issued = await issue();
      const { credentials, providerTime } = await source.list(context);
      const found = credentials.find((credential) => credential.id === issued.id);
      assert.equal(found?.enabled, true);
      assert.ok(Math.abs(found.createdAt.getTime() - issued.issuedAt.getTime()) < 60_000);
      assert.ok(Math.abs(providerTime.getTime() - issued.issuedAt.getTime()) < 60_000);
    });

    it("logs in with what it issued, and is refused with a wrong one of the same shape", async () => {
      const issued = await issue();
      assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "usable" });
      assert.deepEqual(await source.negativeControl(issued.material, context), { kind: "refused" });
      assert.deepEqual(await source.proveRefused(issued.material, context), { kind: "accepted" });
    });

    it("prints nothing of what it issued", async () => {
      const issued = await issue();
      assert.equal(JSON.stringify(issued.material), '"[redacted]"');
      assert.equal(String(issued.material), "[redacted]");
    });

    it("refuses a disabled credential and accepts it when it is enabled again", async () => {
      if (!source.capabilities.canDisable) return;
      const issued = await issue();
      await source.setEnabled(issued.id, false, context);
      await harness.settle?.();
      assert.equal(await isEnabled(issued.id), false);
      assert.deepEqual(await source.proveRefused(issued.material, context), { kind: "refused" });
      await source.setEnabled(issued.id, true, context);
      await harness.settle?.();
      assert.equal(await isEnabled(issued.id), true);
      assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "usable" });
    });

    it("keeps the other credential working when one is disabled and revoked", async () => {
      const first = await issue();
      const second = await issue();
      if (source.capabilities.canDisable) await source.setEnabled(first.id, false, context);
      await source.revoke(first.id, context);
      await harness.settle?.();
      assert.deepEqual(await source.verify(second.material, second.issuedAt, context), { kind: "usable" });
      assert.deepEqual(await ids(), [second.id]);
    });

    it("revokes for good, and takes the revocation of what is absent for success", async () => {
      const issued = await issue();
      assert.equal(await source.revoke(issued.id, context), "removed");
      await harness.settle?.();
      assert.deepEqual(await source.proveRefused(issued.material, context), { kind: "refused" });
      assert.equal(await source.revoke(issued.id, context), "alreadyAbsent");
      assert.deepEqual(await ids(), []);
    });

    it("refuses to issue more than its slots, as QuotaExceeded, and keeps what there is", async () => {
      const { slots } = source.capabilities;
      assert.ok(slots >= 1);
      // Where there is no limit that anybody could reach, there is nothing to refuse.
      if (slots > 10) return;
      for (let slot = 0; slot < slots; slot += 1) await issueOnly();
      await assert.rejects(
        issueOnly(),
        (error) => error instanceof OperatorError && error.code === "QuotaExceeded" && !error.ambiguous,
      );
      assert.deepEqual(await ids(), [...made].sort());
    });

    it("says when a credential was last used, or that it never was", async () => {
      if (!source.capabilities.reportsLastUse) return;
      const issued = await issue();
      assert.deepEqual(await source.lastUse(issued.id, context), { kind: "never" });
      await source.verify(issued.material, issued.issuedAt, context);
      assert.ok(["at", "unknown"].includes((await source.lastUse(issued.id, context)).kind));
    });
  });
};
