import assert from "node:assert/strict";
import type { ObservedPiece, Piece } from "../domain/lifecycle/piece.ts";
import type { CutWayName } from "../domain/lifecycle/record.ts";
import { OperatorError } from "../kernel/errors.ts";
import { silentLogger } from "../kernel/logger.ts";
import type { AccountClient, AccountObservation } from "./account.ts";
import type { CallContext } from "./contract.ts";

/** One place for an account, empty, and clients of it. Made anew for each test. */
export interface AccountHarness {
  /** For the resource whose account it is. */
  readonly client: AccountClient;
  /** All pieces in the order in which they are made: `principal`, `owner`, …, with one grant at least. */
  readonly desired: readonly Piece[];
  /** The same keys; at least one piece that is not the principal has another value. Absent where no value can differ. */
  readonly changed?: readonly Piece[];
  /** A client of the same place for another resource, of another UID. */
  readonly rival: AccountClient;
  /** A client for a later resource of the same name, that knows the UID of `client`'s owner as its predecessor's. */
  readonly successor: AccountClient;
  /** How many calls that change something the provider has got; undefined where nobody can count them. */
  mutations?(): number;
  /** Makes somebody else's account in this place, with a privilege where that is easy; `adopt`: it says that we may take it over. */
  plant(adopt: boolean): Promise<void>;
  /** Everything that stands in this place, as text: to see that nothing was touched. */
  snapshot(): Promise<string>;
  /** Makes a credential of the account as somebody beside us would; gives its id. Absent where the account has none. */
  addCredential?(): Promise<string>;
  /** Gives the account a privilege by hand; gives the key under which it must be seen. */
  addByHand?(): Promise<string>;
  /** Takes our marks off by hand. */
  stripMarks?(): Promise<void>;
  /** Lets what was done become known, where the provider is eventually consistent. */
  settle?(): Promise<void>;
  dispose?(): Promise<void>;
}

/**
 * What an account, or the server that a suite runs on, may lack; tests of it are left out. A suite that leaves out too much fails
 * where that can be seen.
 */
export type AccountFeature =
  /** A cut by one request, and its taking back (not cutsByRemoval). */
  | "cut"
  /** Credentials that can be listed and removed (addCredential). */
  | "credentials"
  /** Pieces whose value can differ (changed). */
  | "change"
  /** Privileges that can be given by hand (addByHand). */
  | "byHand"
  /** An unchangeable id by which the account is known without its marks (stripMarks). */
  | "recordedId";

/**
 * What every AccountClient must do, as mocha tests. The same suite runs against in-memory fakes and against real servers.
 */
export const describeAccountClient = (
  name: string,
  make: () => Promise<AccountHarness>,
  lacks: readonly AccountFeature[] = [],
): void => {
  const itHas = (feature: AccountFeature, title: string, test: () => Promise<void>): void => {
    if (!lacks.includes(feature)) it(title, test);
  };

  describe(`account client: ${name}`, () => {
    const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
    let harness: AccountHarness;
    let client: AccountClient;

    beforeEach(async () => {
      harness = await make();
      client = harness.client;
      assert.equal(harness.addCredential === undefined, lacks.includes("credentials"));
    });
    afterEach(async () => {
      await harness.dispose?.();
    });

    const look = async (through = client): Promise<AccountObservation> => {
      await harness.settle?.();
      return through.observe(context);
    };
    const join = async (pieces = harness.desired): Promise<void> => {
      for (const piece of pieces) await client.apply(piece, context, pieces);
    };
    const grants = (): readonly Piece[] => harness.desired.filter((piece) => piece.class === "grant");
    const principal = (): Piece => pieceOf(harness.desired, "principal");
    /** Rights cut, login closed, credentials off: as a leaver is before it is deleted. */
    const silence = async (): Promise<void> => {
      if (client.capabilities.cutsByRemoval) for (const grant of grants()) await client.remove(grant.key, context);
      else await client.cut(context, firstWay(client));
      await client.closeLogin(context);
      if (!client.capabilities.canDisableCredentials) return;
      for (const credential of (await look()).credentials) {
        await client.setCredentialEnabled(credential.id, false, context);
      }
    };

    it("sees that nothing is there, and changes nothing by looking", async () => {
      const before = harness.mutations?.();
      const seen = await look();
      assert.equal(seen.principal, "absent");
      assert.equal(seen.externalId, undefined);
      assert.deepEqual([seen.pieces, seen.conflicts, seen.foreignGrants, seen.credentials], [[], [], [], []]);
      assert.equal(harness.mutations?.(), before);
    });

    it("makes the principal with its owner on it, in one request", async () => {
      const before = harness.mutations?.();
      await client.apply(principal(), context, harness.desired);
      if (before !== undefined) assert.equal(harness.mutations?.(), before + 1);
      const seen = await look();
      assert.equal(seen.principal, "ours");
      assert.ok(seen.externalId !== undefined && seen.externalId !== "");
      assert.deepEqual(comparable(seen.pieces)["owner"], comparable(harness.desired)["owner"]);
      assert.equal(seen.pieces.filter((piece) => piece.class === "grant").length, 0);
    });

    it("shows every piece exactly as it was declared", async () => {
      await join();
      const seen = await look();
      assert.deepEqual(comparable(seen.pieces), comparable(harness.desired));
      assert.deepEqual([seen.conflicts, seen.foreignGrants, seen.loginClosed && hasLogin(harness)], [[], [], false]);
      assert.equal(seen.rightsCut, false);
    });

    it("observes twice the same, and changes nothing by it", async () => {
      await join();
      const before = harness.mutations?.();
      const [first, second] = [await look(), await look()];
      assert.deepEqual(withoutTime(first), withoutTime(second));
      assert.equal(harness.mutations?.(), before);
    });

    it("comes to the same when everything is applied again", async () => {
      await join();
      const first = await look();
      await join();
      assert.deepEqual(withoutTime(await look()), withoutTime(first));
    });

    itHas("change", "changes a piece without touching the others, and never makes the principal anew", async () => {
      const { changed } = harness;
      assert.ok(changed !== undefined);
      await join();
      const { externalId } = await look();
      const before = comparable(harness.desired);
      const different = changed.filter((piece) => piece.value !== before[piece.key]?.value);
      assert.notEqual(different.length, 0);
      for (const piece of different) await client.apply(piece, context, changed);
      const seen = await look();
      assert.deepEqual(comparable(seen.pieces), comparable(changed));
      assert.equal(seen.externalId, externalId);
    });

    it("takes one privilege away and leaves the others; what is absent already is no failure", async () => {
      await join();
      for (const grant of grants()) {
        assert.equal(await client.remove(grant.key, context), "removed");
        assert.equal(
          (await look()).pieces.some((piece) => piece.key === grant.key),
          false,
        );
      }
      for (const grant of grants()) assert.equal(await client.remove(grant.key, context), "alreadyAbsent");
      const rest = harness.desired.filter((piece) => piece.class !== "grant");
      assert.deepEqual(comparable((await look()).pieces), comparable(rest));
    });

    it("keeps the principal while something hangs on it, and takes it away in the right order", async () => {
      await join();
      const id = await harness.addCredential?.();
      await assert.rejects(client.remove("principal", context), inUse);
      assert.equal((await look()).principal, "ours");
      await silence();
      if (id !== undefined) assert.equal(await client.removeCredential(id, context), "removed");
      for (const step of ["login", "grant", "restriction"] as const) {
        const hanging = harness.desired.filter((piece) => piece.class === step);
        for (const piece of hanging.reverse()) await client.remove(piece.key, context);
      }
      assert.equal(await client.remove("principal", context), "removed");
      assert.equal((await look()).principal, "absent");
      assert.equal(await client.remove("principal", context), "alreadyAbsent");
      for (const piece of harness.desired) assert.equal(await client.remove(piece.key, context), "alreadyAbsent");
    });

    itHas("cut", "cuts all rights in one request and gives them back as they were", async () => {
      assert.equal(client.capabilities.cutsByRemoval, false);
      await join();
      const before = harness.mutations?.();
      await client.cut(context, firstWay(client));
      if (before !== undefined) assert.equal(harness.mutations?.(), before + 1);
      assert.equal((await look()).rightsCut, true);
      await client.cut(context, firstWay(client));
      const seen = await look();
      assert.equal(seen.rightsCut, true);
      assert.deepEqual(comparable(seen.pieces.filter(isGrant)), comparable(grants()));
      await client.uncut(context, lift(client));
      await client.uncut(context, lift(client));
      assert.equal((await look()).rightsCut, false);
      assert.deepEqual(comparable((await look()).pieces), comparable(harness.desired));
    });

    if (lacks.includes("cut")) {
      it("counts its rights as cut when its privileges are removed", async () => {
        assert.equal(client.capabilities.cutsByRemoval, true);
        await join();
        assert.equal((await look()).rightsCut, false);
        for (const grant of grants()) await client.remove(grant.key, context);
        assert.equal((await look()).rightsCut, true);
      });
    }

    it("closes the login and opens it again", async () => {
      await join();
      await client.closeLogin(context);
      await client.closeLogin(context);
      assert.equal((await look()).loginClosed, true);
      await client.openLogin(context, harness.desired);
      if (!client.capabilities.cutsByRemoval) await client.uncut(context, lift(client));
      const seen = await look();
      assert.equal(seen.loginClosed, !hasLogin(harness));
      assert.deepEqual(comparable(seen.pieces), comparable(harness.desired));
    });

    itHas(
      "credentials",
      "lists credentials that somebody else made, and switches them off and on one by one",
      async () => {
        assert.ok(harness.addCredential !== undefined);
        await join();
        const id = await harness.addCredential();
        const enabled = async (): Promise<boolean | undefined> =>
          (await look()).credentials.find((credential) => credential.id === id)?.enabled;
        assert.equal(await enabled(), true);
        if (!client.capabilities.canDisableCredentials) return;
        await client.setCredentialEnabled(id, false, context);
        assert.equal(await enabled(), false);
        await client.setCredentialEnabled(id, true, context);
        assert.equal(await enabled(), true);
      },
    );

    itHas(
      "credentials",
      "removes a credential for good, and takes the removal of what is absent for success",
      async () => {
        assert.ok(harness.addCredential !== undefined);
        await join();
        const id = await harness.addCredential();
        assert.equal(await client.removeCredential(id, context), "removed");
        assert.equal(await client.removeCredential(id, context), "alreadyAbsent");
        assert.deepEqual((await look()).credentials, []);
      },
    );

    it("proves that a silenced account is refused, and does not prove it of a living one", async () => {
      await join();
      await harness.addCredential?.();
      await harness.settle?.();
      const keys = grants().map((grant) => grant.key);
      assert.equal((await client.proveRefused(keys, context)).kind, "accepted");
      await silence();
      await harness.settle?.();
      const outcome = await client.proveRefused(keys, context);
      assert.equal(outcome.kind, "refused");
    });

    itHas("byHand", "sees a privilege that was given by hand, and takes it away", async () => {
      assert.ok(harness.addByHand !== undefined);
      await join();
      const key = await harness.addByHand();
      const found = (await look()).pieces.find((piece) => piece.key === key);
      assert.equal(found?.class, "grant");
      assert.equal(await client.remove(key, context), "removed");
      assert.deepEqual(comparable((await look()).pieces), comparable(harness.desired));
    });

    itHas(
      "recordedId",
      "knows its own by the recorded id when somebody took the marks off, and puts them back",
      async () => {
        assert.ok(harness.stripMarks !== undefined);
        await join();
        const { externalId } = await look();
        await harness.stripMarks();
        assert.equal((await look()).principal, "foreign");
        assert.equal((await client.observe(context, { externalId: "another" })).principal, "foreign");
        const seen = await client.observe(context, { externalId });
        assert.equal(seen.principal, "ours");
        await client.apply(pieceOf(harness.desired, "owner"), context, harness.desired);
        assert.equal((await look()).principal, "ours");
        assert.deepEqual(comparable((await look()).pieces), comparable(harness.desired));
      },
    );

    /** Every way to change something; each must fail with Conflict on an account that is not ours. */
    const everyMutation = (through: AccountClient): readonly (readonly [string, () => Promise<unknown>])[] => [
      ...harness.desired.map(
        (piece) => [`apply ${piece.key}`, () => through.apply(piece, context, harness.desired)] as const,
      ),
      ["remove principal", () => through.remove("principal", context)],
      ["give back", () => through.giveBack(context)],
      ...(through.capabilities.cutsByRemoval
        ? []
        : ([
            ["cut", () => through.cut(context, firstWay(through))],
            ["uncut", () => through.uncut(context, lift(through))],
          ] as const)),
      ...(hasLogin(harness)
        ? ([
            ["close", () => through.closeLogin(context)],
            ["open", () => through.openLogin(context, harness.desired)],
          ] as const)
        : []),
      ...(through.capabilities.canDisableCredentials
        ? ([["disable", () => through.setCredentialEnabled("AKIAIOSFODNN7EXAMPLE", false, context)]] as const)
        : []),
    ];

    it("leaves an account that is somebody else's wholly alone", async () => {
      await harness.plant(false);
      await harness.settle?.();
      const before = await harness.snapshot();
      const seen = await look();
      assert.equal(seen.principal, "foreign");
      assert.deepEqual([seen.pieces, seen.credentials], [[], []]);
      for (const [what, attempt] of everyMutation(client)) await assert.rejects(attempt(), conflict, what);
      assert.equal(await harness.snapshot(), before);
    });

    it("does not touch what belongs to another resource of Keyturn", async () => {
      await join();
      const { rival } = harness;
      await harness.settle?.();
      const before = await harness.snapshot();
      const seen = await look(rival);
      assert.equal(seen.principal, "foreign");
      assert.deepEqual(seen.pieces, []);
      for (const [what, attempt] of everyMutation(rival)) await assert.rejects(attempt(), conflict, what);
      assert.equal(await harness.snapshot(), before);
    });

    it("takes over what a dead predecessor of the same name left behind", async () => {
      await join();
      const { successor } = harness;
      assert.equal((await look(successor)).principal, "ours");
      await successor.apply(pieceOf(harness.desired, "owner"), context, harness.desired);
      assert.equal((await look(successor)).principal, "ours");
      assert.deepEqual(comparable((await look(successor)).pieces), comparable(harness.desired));
      assert.equal((await look()).principal, "foreign");
    });

    it("adopts only what says so itself, by its owner alone, and gives it back as it was", async () => {
      await harness.plant(true);
      await harness.settle?.();
      const before = await harness.snapshot();
      const found = await look();
      assert.equal(found.principal, "adoptable");
      assert.equal((await look(harness.rival)).principal, "foreign");
      for (const [what, attempt] of everyMutation(client)) {
        if (what !== "apply owner") await assert.rejects(attempt(), conflict, what);
      }
      assert.equal(await harness.snapshot(), before);
      await client.apply(pieceOf(harness.desired, "owner"), context, harness.desired);
      const adopted = await look();
      assert.equal(adopted.principal, "ours");
      assert.equal(adopted.externalId, found.externalId);
      assert.deepEqual(comparable(adopted.pieces)["owner"], comparable(harness.desired)["owner"]);
      await client.giveBack(context);
      await harness.settle?.();
      assert.equal(await harness.snapshot(), before);
      assert.equal((await look()).principal, "adoptable");
    });
  });
};

const conflict = (error: unknown): boolean =>
  error instanceof OperatorError && error.code === "Conflict" && !error.ambiguous;

/** Something of its own is in the way, which is nobody else's claim. */
const inUse = (error: unknown): boolean => error instanceof OperatorError && error.code === "InUse" && !error.ambiguous;

const isGrant = (piece: ObservedPiece): boolean => piece.class === "grant";

/** Has the account a login that can be closed? */
const hasLogin = (harness: AccountHarness): boolean => harness.desired.some((piece) => piece.class === "login");

const pieceOf = (pieces: readonly Piece[], key: string): Piece => {
  const found = pieces.find((piece) => piece.key === key);
  assert.ok(found !== undefined, `no piece ${key}`);
  return found;
};

/** Class and value by key; titles are for people. */
const comparable = (pieces: readonly ObservedPiece[]): Record<string, Pick<ObservedPiece, "class" | "value">> =>
  Object.fromEntries(
    [...pieces]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map((piece) => [piece.key, { class: piece.class, value: piece.value }]),
  );

const withoutTime = (seen: AccountObservation): unknown => ({ ...seen, providerTime: undefined });

/** The way that needs nothing to be recorded before. */
const firstWay = ({ kind }: AccountClient): CutWayName => (kind === "VaultEntity" ? "Disable" : "Deny");

const lift = (client: AccountClient): Parameters<AccountClient["uncut"]>[1] => ({
  ways: [firstWay(client)],
  boundary: undefined,
});
