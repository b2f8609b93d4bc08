import assert from "node:assert/strict";
import type { IdentityFacts, OwnerFacts } from "./facts.ts";
import { inventory, totals, unownedMarks, type Found, type ListedUser } from "./inventory.ts";
import type { Mark } from "./mark.ts";

const NOW = new Date("2026-11-24T12:00:00Z");
const identity = (facts: Partial<IdentityFacts> = {}): IdentityFacts => ({
  namespace: "payments",
  name: "billing",
  uid: "u1",
  predecessors: [],
  team: "payments",
  contact: "payments@example.com",
  purpose: "Exports invoices",
  environment: "production",
  state: "Active",
  ready: "True",
  accounts: [],
  undecided: 0,
  ...facts,
});
const owner = (facts: Partial<OwnerFacts> = {}): OwnerFacts => ({
  namespace: "payments",
  name: "billing",
  uids: ["u1"],
  ledger: false,
  credentialIds: [],
  ...facts,
});
const mark = (facts: Partial<Mark> = {}): Mark => ({
  kind: "AwsUser",
  id: "aws-user/111122223333/lake",
  owner: "prod/payments/billing",
  ownerUid: "u1",
  ...facts,
});
const found = (facts: Partial<Found> = {}): Found => ({
  clusterName: "prod",
  namespaces: [],
  identities: [],
  owners: [],
  marks: [],
  users: [],
  unreached: [],
  unread: [],
  ...facts,
});
const key = (id: string, createdAt = "2026-11-01T00:00:00.000Z", enabled = true) => ({
  id,
  createdAt: new Date(createdAt),
  enabled,
});
const user = (facts: Partial<ListedUser> = {}): ListedUser => ({
  connection: "aws",
  userName: "lake",
  namespace: "payments",
  name: "billing",
  target: "aws-user/111122223333/lake",
  credentials: [],
  ...facts,
});

describe("the inventory", () => {
  describe("counts a mark as unowned", () => {
    const cases: readonly [string, Partial<Mark>, readonly OwnerFacts[], "NoResource" | "OtherUid" | undefined][] = [
      ["when its resource is there", {}, [owner()], undefined],
      ["when there is no resource of its name", {}, [], "NoResource"],
      ["when only another namespace has one of its name", {}, [owner({ namespace: "web" })], "NoResource"],
      ["when the resource of its name is another one", {}, [owner({ uids: ["u2"] })], "OtherUid"],
      [
        "when its resource was taken over by the one that is there (undo)",
        {},
        [owner({ uids: ["u2", "u1"] })],
        undefined,
      ],
      ["when the ledger has its resource", {}, [owner({ uids: ["u2"] }), owner({ ledger: true })], undefined],
      ["when it names no uid and the name is there", { ownerUid: undefined }, [owner({ uids: ["u9"] })], undefined],
      ["when it is another cluster's", { owner: "staging/payments/billing" }, [], undefined],
      ["when its cluster's name only begins like ours", { owner: "prod2/payments/billing" }, [], undefined],
      ["when what it says makes no sense", { owner: "prod/" }, [], "NoResource"],
    ];
    for (const [title, facts, owners, expected] of cases) {
      it(`${expected === undefined ? "not " : ""}${title}`, () => {
        const got = unownedMarks(found({ owners, marks: [{ connection: "aws", marks: [mark(facts)] }] }));
        assert.deepEqual(
          got.map(({ because }) => because),
          expected === undefined ? [] : [expected],
        );
      });
    }

    it("once, when two connections lead to the same account", () => {
      const marks = [
        { connection: "b", marks: [mark()] },
        { connection: "a", marks: [mark()] },
      ];
      assert.deepEqual(
        unownedMarks(found({ marks })).map(({ connection }) => connection),
        ["a"],
      );
    });

    it("not when it is of a namespace that was not looked at", () => {
      const marks = [{ connection: "aws", marks: [mark(), mark({ id: "x", owner: "prod/web/site" })] }];
      assert.deepEqual(
        unownedMarks(found({ namespaces: ["shop", "web"], marks })).map(({ id }) => id),
        ["x"],
      );
    });
  });

  describe("knows a key", () => {
    const cases: readonly [string, readonly string[], readonly string[]][] = [
      ["that no resource has on record as unknown", [], ["AK1", "AK2"]],
      ["that a rotation has on record", ["AK1"], ["AK2"]],
      ["each, when all are on record", ["AK2", "AK1"], []],
    ];
    for (const [title, credentialIds, expected] of cases) {
      it(title, () => {
        const { unknownCredentials } = inventory(
          found({
            owners: [owner({ credentialIds })],
            // A user that is an identity's and a rotation's is listed twice.
            users: [user({ credentials: [key("AK2"), key("AK1")] }), user({ credentials: [key("AK1")] })],
          }),
          NOW,
        );
        assert.deepEqual(
          unknownCredentials.map(({ id }) => id),
          expected,
        );
      });
    }
  });

  describe("gives the age of the oldest credential", () => {
    const account = (target: string) => ({ name: "a", target, state: "Active" });
    const cases: readonly [
      string,
      Partial<IdentityFacts>,
      readonly ListedUser[],
      string | undefined,
      number | undefined,
    ][] = [
      ["as none without any account", {}, [], undefined, 0],
      [
        "as it was just listed, not as it was recorded",
        {
          accounts: [account("aws-user/111122223333/lake")],
          oldestCredentialAt: "2020-01-01T00:00:00Z",
          credentials: 9,
        },
        [user({ credentials: [key("AK1", "2026-11-23T12:00:00.000Z"), key("AK2", "2026-11-24T11:00:00.000Z")] })],
        "2026-11-23T12:00:00.000Z",
        2,
      ],
      [
        "as it was recorded where it could not be listed",
        {
          accounts: [account("aws-user/111122223333/lake")],
          oldestCredentialAt: "2020-01-01T00:00:00Z",
          credentials: 9,
        },
        [],
        "2020-01-01T00:00:00Z",
        9,
      ],
      [
        "as recorded when a Vault account may hold older ones",
        {
          accounts: [account("aws-user/111122223333/lake"), account("vault-entity/v/-/x")],
          oldestCredentialAt: "2020-01-01T00:00:00Z",
          credentials: 3,
        },
        [user({ credentials: [key("AK1")] })],
        "2020-01-01T00:00:00Z",
        3,
      ],
    ];
    for (const [title, facts, users, oldest, count] of cases) {
      it(title, () => {
        const [only] = inventory(found({ identities: [identity(facts)], users }), NOW).identities;
        assert.equal(only?.oldestCredentialAt, oldest);
        assert.equal(only?.credentials, count);
        assert.equal(
          only?.oldestCredentialAgeSeconds,
          oldest === undefined ? undefined : (NOW.getTime() - Date.parse(oldest)) / 1000,
        );
      });
    }
  });

  it("adds up by team, environment and state, with what is due next", () => {
    const all = [
      identity({ expiresAt: "2027-01-01T00:00:00Z", oldestCredentialAt: "2026-10-01T00:00:00Z" }),
      identity({ expiresAt: "2026-12-31T23:00:00-02:00", reviewDueAt: "2026-11-24T11:59:59Z" }),
      identity({ expiresAt: "2026-01-01T00:00:00Z", reviewDueAt: "2026-11-24T12:00:01Z" }),
      identity({ state: "Suspended" }),
      identity({ team: "web", environment: undefined }),
    ];
    const [active, suspended, web, ...more] = totals(all, NOW);
    assert.deepEqual(
      [active, suspended, web].map((total) => [total?.team, total?.environment, total?.state, total?.count]),
      [
        ["payments", "production", "Active", 3],
        ["payments", "production", "Suspended", 1],
        ["web", "", "Active", 1],
      ],
    );
    assert.deepEqual(more, []);
    // An expiry that has passed is none that is to come; times are compared as times, not as text.
    assert.equal(active?.nextExpiryAt, "2027-01-01T00:00:00Z");
    assert.equal(active.reviewsDue, 1);
    assert.equal(active.oldestCredentialAt, "2026-10-01T00:00:00Z");
  });

  it("is the same whoever answered first", () => {
    const a = identity({ name: "a" });
    const b = identity({ name: "b" });
    const marks = [mark({ id: "2" }), mark({ id: "1" })];
    const one = found({ identities: [a, b], marks: [{ connection: "aws", marks }] });
    const two = found({ identities: [b, a], marks: [{ connection: "aws", marks: marks.toReversed() }] });
    assert.deepEqual(inventory(one, NOW), inventory(two, NOW));
  });

  it("calls nothing a stray that may belong to what could not be read", () => {
    const marks = [{ connection: "aws", marks: [mark()] }];
    const user = {
      connection: "aws",
      userName: "lake",
      namespace: "payments",
      name: "billing",
      credentials: [key("AKIA1")],
    };
    const judged = (unread: Found["unread"]): readonly number[] => {
      const { unowned, unknownCredentials } = inventory(found({ marks, users: [user], unread }), new Date(0));
      return [unowned.length, unknownCredentials.length];
    };
    assert.deepEqual(judged([]), [1, 1]);
    assert.deepEqual(judged([{ namespace: "payments", name: "billing", why: "TooLarge" }]), [0, 0]);
    assert.deepEqual(judged([{ namespace: "other", name: "billing", why: "TooLarge" }]), [1, 1]);
    // A ledger entry may be anybody's.
    assert.deepEqual(judged([{ name: "entry", why: "TooLarge" }]), [0, 0]);
  });
});
