import assert from "node:assert/strict";
import type { Piece } from "../domain/lifecycle/piece.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { describeAccountClient, type AccountHarness } from "./account-conformance.ts";
import type { AccountKind } from "./account.ts";
import { FakeAccount, FakeAccountPlace, fakeAccountErrors } from "./fake-account.ts";

const owner = { cluster: "local", namespace: "payments", name: "billing", uid: "uid-1", predecessors: [] };
const context = { signal: new AbortController().signal, log: silentLogger };

const piece = (key: string, of: Piece["class"], value = "true"): Piece => ({ key, class: of, value, title: key });
const desiredOf = (kind: AccountKind, value = "true"): readonly Piece[] => [
  piece("principal", "principal"),
  piece("owner", "attribute"),
  ...(kind === "AwsRole" ? [piece("trust", "login")] : []),
  ...(kind === "VaultEntity" ? [piece("login", "login")] : []),
  piece("boundary", "restriction"),
  piece("grant/a", "grant", value),
  piece("grant/b", "grant"),
];

const kinds = ["KubernetesServiceAccount", "AwsUser", "AwsRole", "VaultEntity"] as const;
for (const kind of kinds) {
  const make = (): Promise<AccountHarness> => {
    const place = new FakeAccountPlace(new FakeClock(), kind);
    const client = new FakeAccount(place, owner);
    return Promise.resolve({
      client,
      desired: desiredOf(kind),
      changed: desiredOf(kind, "other"),
      rival: new FakeAccount(place, { ...owner, name: "rival", uid: "uid-r" }),
      successor: new FakeAccount(place, { ...owner, uid: "uid-2", predecessors: ["uid-1"] }),
      mutations: () => client.mutations().length,
      plant: async (adopt: boolean) => {
        place.plant(adopt ? "payments/billing" : undefined);
        place.addByHand(piece("grant/theirs", "grant"));
      },
      snapshot: () => Promise.resolve(place.snapshot()),
      addCredential: () => Promise.resolve(place.addCredential()),
      addByHand: async () => {
        place.addByHand(piece("grant/by-hand", "grant"));
        return "grant/by-hand";
      },
      stripMarks: async () => {
        place.principal!.mark = undefined;
      },
    });
  };
  const lacks = kind === "KubernetesServiceAccount" ? (["cut"] as const) : [];
  describeAccountClient(`the fake for reconciler tests as ${kind}`, make, lacks);
}

describe("FakeAccount", () => {
  it("keeps what was done when the answer is lost, and fails only where it was told to", async () => {
    const client = new FakeAccount(new FakeAccountPlace(new FakeClock()), owner);
    const desired = desiredOf("AwsUser");
    client.failNext("apply", fakeAccountErrors.lost, { at: "after", about: "principal" });
    await assert.rejects(client.apply(desired[0]!, context, desired), fakeAccountErrors.lost);
    assert.equal((await client.observe(context)).principal, "ours");
    client.failNext("apply", fakeAccountErrors.notFound, { about: "grant/b", times: 2 });
    await client.apply(piece("grant/a", "grant"), context, desired);
    for (let turn = 0; turn < 2; turn += 1) {
      await assert.rejects(client.apply(piece("grant/b", "grant"), context, desired), fakeAccountErrors.notFound);
    }
    await client.apply(piece("grant/b", "grant"), context, desired);
    assert.equal(client.count("apply", "grant/b"), 3);
  });

  it("does not call an account refused that accepts everything", async () => {
    const place = new FakeAccountPlace(new FakeClock());
    const client = new FakeAccount(place, owner);
    for (const each of desiredOf("AwsUser")) await client.apply(each, context, desiredOf("AwsUser"));
    await client.cut();
    assert.equal((await client.proveRefused()).kind, "refused");
    place.acceptsEverything = true;
    assert.equal((await client.proveRefused()).kind, "accepted");
  });
});
