import type { Mutant } from "./mutants.ts";

const lifecycle = "src/domain/lifecycle/*.test.ts";
const identities = "src/reconcilers/service-account-lifecycle/*.test.ts";
const held = "src/reconcilers/service-account-lifecycle/hold.test.ts";
const ledger = "src/domain/orphan/*.test.ts";
const sweep = "src/reconcilers/sweep.test.ts";
const aws = "src/providers/aws/**/*.test.ts";

/** Ways to end badly, or to say that something has ended that has not. */
export const leavingMutants: readonly Mutant[] = [
  {
    name: "pause before surrender",
    file: "src/domain/rotation/plan.ts",
    text: "?? pendingLeaked(input) ?? planEnd(input);",
    instead: "?? pendingLeaked(input) ?? (input.paused ? undefined : planEnd(input));",
    specs: ["src/domain/rotation/*.test.ts", "src/reconcilers/secret-rotation/*.test.ts"],
  },
  {
    name: "one step that fails stops the whole account",
    file: "src/domain/lifecycle/leaving.ts",
    text: "leavers.filter(({ record }) => !isFailed(failed, record.name));",
    instead: "leavers.filter(({ record }) => !failed.some((step) => accountIn(step) === record.name));",
    specs: [lifecycle, identities],
  },
  {
    name: "take what is absent for refused",
    file: "src/domain/lifecycle/leaving.ts",
    text: "  if (!isProvable(view) || !view.loginClosed) return false;",
    instead: '  if (!isProvable(view) || (!view.loginClosed && view.principal === "ours")) return false;',
    specs: [lifecycle, identities],
  },
  {
    name: "prove what is in Conflict",
    file: "src/domain/lifecycle/leaving.ts",
    text: 'principal === "ours" || principal === "absent";',
    instead: 'principal !== "adoptable";',
    specs: [lifecycle, identities],
  },
  {
    name: "cut before what the cut replaces is on record",
    file: "src/domain/lifecycle/leaving.ts",
    text: "  if (pieces.length > 0 || !isBegun(record, way.name)) return",
    instead: "  if (pieces.length > 99) return",
    specs: [lifecycle, identities],
  },
  {
    name: "go on calling proven what is cut no more",
    file: "src/domain/lifecycle/leaving.ts",
    text: '    ? { type: "voidProof", account: leaver.record.name }',
    instead: "    ? undefined",
    specs: [lifecycle, identities],
  },
  {
    name: "delete a principal that was not bound before",
    file: "src/domain/lifecycle/leaving.ts",
    text: "  return boundFirst(record, view) ?? whole(account, because, failed);",
    instead: "  return whole(account, because, failed);",
    specs: [lifecycle, identities],
  },
  {
    name: "call proven what could not be looked at",
    file: "src/domain/lifecycle/report-leaving.ts",
    text: "  notLooked(input, type) ??\n  boundByOthers",
    instead: "  boundByOthers",
    specs: [lifecycle, identities],
  },
  {
    name: "call proven what somebody else's binding still gives",
    file: "src/domain/lifecycle/report-leaving.ts",
    text: "  boundByOthers(input) ??\n  outstanding(input)",
    instead: "  outstanding(input)",
    specs: [lifecycle, identities],
  },
  {
    name: "call proven what stands under a name and is not ours",
    file: "src/domain/lifecycle/report-leaving.ts",
    text: "  notOurs(input) ??\n  stillOpen(input, type)",
    instead: "  stillOpen(input, type)",
    specs: [lifecycle, identities],
  },
  {
    name: "open the login before what the spec takes away is gone",
    file: "src/domain/lifecycle/returning.ts",
    text: '    ? (narrowFirst(account, record, view, input) ??\n      restored(account, record, view, input, "before") ??',
    instead: '    ? (restored(account, record, view, input, "before") ??',
    specs: [lifecycle, identities],
  },
  {
    name: "forget the boundary of before when the cut is lifted",
    file: "src/domain/lifecycle/returning.ts",
    text: "[...account.pieces, ...(record.former ?? [])].find(",
    instead: "[...account.pieces].find(",
    specs: [lifecycle, identities],
  },
  {
    name: "compare the spec instead of what is in force",
    file: "src/domain/lifecycle/joining.ts",
    text: "  const settled = isSettled(input);",
    instead: "  const settled = input.status.lastKnownGood?.specHash === input.specHash;",
    specs: [lifecycle, identities],
  },
  {
    name: "give back what the own spec has taken out",
    file: "src/domain/lifecycle/last-known-good.ts",
    text: "bounded(withinOwn(account, own.accounts), own.accounts)",
    instead: "bounded(account, own.accounts)",
    specs: [lifecycle, identities],
  },
  {
    name: "remove what others have forbidden",
    file: "src/domain/lifecycle/changes.ts",
    text: 'piece.class === "restriction" || effect === "Denies") return "Restriction";',
    instead: 'piece.class === "restriction") return "Restriction";',
    specs: [lifecycle, identities],
  },
  {
    name: "let a removal wait for another account's addition",
    file: "src/domain/lifecycle/exchange.ts",
    text: "      other.account === removal.account &&\n      other.piece.class",
    instead: "      other.piece.class",
    specs: [lifecycle, identities],
  },
  {
    name: "let a removal wait for an addition of an earlier generation",
    file: "src/domain/lifecycle/exchange.ts",
    text: "      isAddition(other) &&\n      !earlier.has(textOf(planLineOf(other))),",
    instead: "      isAddition(other),",
    specs: [lifecycle, identities],
  },
  {
    name: "wait for ever for the addition of an exchange",
    file: "src/domain/lifecycle/exchange.ts",
    text: "  const over = isOver(input);",
    instead: "  const over = isOver({ ...input, now: new Date(0) });",
    specs: [lifecycle, identities],
  },
  {
    name: "take the denial off before the principal goes",
    file: "src/providers/aws/identity/leaving.ts",
    text: "  const bounded = wasCut && (await boundByDenial(of, signal));",
    instead: "  const bounded = wasCut && hanging.managed.length > 99;",
    specs: [aws],
  },
  {
    name: "leave a principal that could not be deleted without its denial",
    file: "src/providers/aws/identity/leaving.ts",
    text: "    if (wasCut) await putBack(of, { hanging, ours, bounded }, context);",
    instead: "    if (!wasCut) await putBack(of, { hanging, ours, bounded }, context);",
    specs: [aws],
  },
  {
    name: "do not put the boundary back",
    file: "src/providers/aws/identity/leaving.ts",
    text: "  if (lift.boundary !== undefined && (replaces || found.boundary === undefined)) {",
    instead: "  if (lift.boundary !== undefined && found.boundary === undefined) {",
    specs: [aws],
  },
  {
    name: "lift the cut under a boundary that was not read back",
    file: "src/providers/aws/identity/leaving.ts",
    text: "    if (seen?.boundary !== lift.boundary) throw notYet(who);",
    instead: "    if (seen === undefined) throw notYet(who);",
    specs: [aws],
  },
  {
    name: "overlook a binding whose subject names no namespace",
    file: "src/providers/kubernetes/bindings.ts",
    text: '    const of = namespace === undefined || namespace === "" ? own : namespace;',
    instead: "    const of = namespace;",
    specs: ["src/providers/kubernetes/*.test.ts", identities],
  },
  {
    name: "call a login closed whose role still lets in",
    file: "src/providers/vault/identity/account.ts",
    text: " && !at.roleMustGo && !closing.tokensLeft,",
    instead: " && !closing.tokensLeft,",
    specs: ["src/providers/vault/**/*.test.ts"],
  },
  {
    name: "write an entry anew that has just ended",
    file: "src/reconcilers/sweep.ts",
    text: `  if ((await ports.cluster.get(orphanRef(owner.uid, kind))) !== undefined) return;
  // An entry goes after its claims and staged values: one that has ended since the lists were read leaves none of them.
  const claims = await claimsOf(ports, owner.uid, targets);`,
    instead: `  const claims = await claimsOf(ports, owner.uid, targets);
  if ((await ports.cluster.get(orphanRef(owner.uid, kind))) !== undefined) return;`,
    specs: [sweep],
  },
  {
    name: "hold an identity of which nothing is left",
    file: "src/reconcilers/orphan/identity.ts",
    text: "      if (await isNothingLeft(entry, name)) scope.status = forgotten(scope.status, name);\n",
    instead: "",
    specs: [sweep],
  },
  {
    name: "hold a rotation of which nothing is left",
    file: "src/domain/orphan/plan.ts",
    text: "  unclaimed && !leavesNothing &&",
    instead: "  unclaimed && leavesNothing &&",
    specs: [ledger, sweep],
  },
  {
    name: "revoke what a later entry still holds",
    file: "src/reconcilers/orphan/rotation.ts",
    text: "  const takenOver = lives || (await isHandedOn(scope, holder, ports));",
    instead: "  const takenOver = lives;",
    specs: [sweep],
  },
  {
    name: "take an emptied object for one that is not declared",
    file: "src/cluster/empty-objects.ts",
    text: "  if (value === null) return {};",
    instead: "  if (value === null) return undefined;",
    specs: ["src/cluster/empty-objects.test.ts", identities],
  },
  {
    name: "hold by UID",
    file: "src/reconcilers/service-account-lifecycle/holding.ts",
    text: "  return ports.holds.on({ namespace, identity: name, targets: [...recorded, ...declared] });",
    instead: `  const found = ports.holds.on({ namespace, identity: name, targets: [...recorded, ...declared] });
  const first = ((ports.holds as any).first ??= (scope as any).owner.uid);
  return first === (scope as any).owner.uid ? found : undefined;`,
    specs: [held],
  },
  {
    name: "give before the holds have been read",
    file: "src/domain/lifecycle/plan.ts",
    text: "  if (input.holdsUnread === true) return",
    instead: "  if (input.holdsUnread === undefined) return",
    specs: [held],
  },
  {
    name: "issue before the holds have been read",
    file: "src/reconcilers/secret-rotation/steps/holding.ts",
    text: "  if (read || hasEnded(identity?.state)) return identity;",
    instead: "  if (read || identity === undefined || hasEnded(identity.state)) return identity;",
    specs: ["src/reconcilers/secret-rotation/hold.test.ts"],
  },
  {
    name: "give back under a hold what is not ours yet",
    file: "src/domain/lifecycle/leaving.ts",
    text: "  if (isGivenBack(record)) return held === true;",
    instead: "  if (isGivenBack(record)) return false;",
    specs: [held],
  },
  {
    name: "keep a right by Retain under a hold",
    file: "src/reconcilers/service-account-lifecycle/deletion.ts",
    text: "  if (scope.hold !== undefined) return NOTHING_RETAINED;",
    instead: "",
    specs: [held],
  },
  {
    name: "take the end of a hold for the end of what was beneath it",
    file: "src/domain/lifecycle/life.ts",
    text: "  return holds === undefined ? ENDS[state] : endBeneath;",
    instead: "  return holds === undefined ? ENDS[state] : undefined;",
    specs: [held],
  },
];
