/** One way to break the protocol: an exact text that stands once in one file, and what is put in its place. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly instead: string;
  /** Specs that should notice, tried in this order. */
  readonly specs: readonly string[];
  /** A scenario of `accept -- rotation` (or of that campaign) that must notice too. */
  readonly scenario?: string;
  readonly campaign?: "rotation" | "lifecycle";
}

const planner = "src/domain/rotation/*.test.ts";
const ledger = "src/domain/orphan/*.test.ts";
const reconciler = "src/reconcilers/**/*.test.ts";
const stores = "src/stores/*.test.ts";
const cluster = "src/cluster/*.test.ts";
const providers = "src/providers/**/*.test.ts";

export const mutants: readonly Mutant[] = [
  {
    name: "publish before verify",
    file: "src/domain/rotation/open-rotation.ts",
    text: "  if (rotation.verification?.verifiedAt === undefined) {",
    instead: "  if (rotation.attempt < 0) {",
    specs: [planner, reconciler],
    scenario: "fault/new-key-refused-for-10-s",
  },
  {
    name: "issue before the intent is stored",
    file: "src/reconcilers/secret-rotation/acts/intent.ts",
    text: "  const listing = requireListing(scope);",
    instead: `  const listing = requireListing(scope);
  const { openSource: hasty } = await import("../steps/observe.ts");
  const hastySource = await hasty(scope, act.inForce, ports);
  if (scope.status.current === undefined) await hastySource.issue({ signal: scope.signal, log: ports.log });`,
    specs: [reconciler],
    scenario: "kill/kubernetes/POST.configmaps/3/answerDelivered",
  },
  {
    name: "nothing made under an intent is looked for after a crash",
    file: "src/domain/rotation/strays.ts",
    text: "  if (stray === undefined) return undefined;",
    instead: "  if (stray !== undefined || stray === undefined) return undefined;",
    specs: [planner, reconciler],
    scenario: "kill/aws/CreateAccessKey/1/answerLost",
  },
  {
    name: "no negative control",
    file: "src/reconcilers/secret-rotation/acts/verify.ts",
    text: '    if (outcome.kind === "accepted")\n      return giveUp(act, "NegativeControlAccepted"',
    instead: '    if (outcome.kind === "accepted" && known)\n      return giveUp(act, "NegativeControlAccepted"',
    specs: [reconciler],
  },
  {
    name: "forget the previous value",
    file: "src/domain/rotation/converge.ts",
    text: "    status.rotation?.previous?.version,\n    ...(status.pendingRevocations ?? []).map(({ version }) => version),",
    instead: "",
    specs: [reconciler, planner],
  },
  {
    name: "revoke without asking where the dependents are",
    file: "src/domain/rotation/retire.ts",
    text: "    const behind = dependentBehind(input);",
    instead: '    const behind: string | undefined = input.self === "" ? dependentBehind(input) : undefined;',
    specs: [planner, reconciler],
  },
  {
    name: "no overlap",
    file: "src/domain/rotation/retire.ts",
    text: "  const opensAt = new Date(Date.parse(since) + waitMs + GRAIN_MS);",
    instead: "  const opensAt = new Date(Date.parse(since) + 0 * waitMs + GRAIN_MS);",
    specs: [planner, reconciler],
  },
  {
    name: "retire by a clock that disagrees",
    file: "src/domain/rotation/retire.ts",
    text: "  if (!input.timeTrusted)",
    instead: '  if (!input.timeTrusted && input.self === "")',
    specs: [planner, reconciler],
  },
  {
    name: "write status over somebody else's",
    file: "src/cluster/status-writer.ts",
    text: '    if (!sameJson(found.status, base.status)) throw conflict(ref, "its status was written by somebody else");',
    instead: "",
    specs: [cluster, reconciler],
  },
  {
    name: "take keys for ours that were there before the intent",
    file: "src/domain/rotation/strays.ts",
    text: "    if (intent.knownIds.includes(observed.id)) return false;",
    instead: "",
    specs: [planner, reconciler],
  },
  {
    name: "do not read back what was published",
    file: "src/reconcilers/secret-rotation/acts/publish.ts",
    text: "    await readBack(act, store, version, material);",
    instead: "",
    specs: [reconciler],
  },
  {
    name: "do not ask whose user it is",
    file: "src/reconcilers/secret-rotation/acts/ownership.ts",
    text: "  if (seen.owner !== expected) {",
    instead: '  if (seen.owner === "") {',
    specs: [reconciler],
  },
  {
    name: "take a claim that another resource holds",
    file: "src/reconcilers/secret-rotation/acts/claim.ts",
    text: "  if (present.owner.namespace !== namespace || present.owner.name !== name) throw held(target);",
    instead: "",
    specs: [reconciler],
  },
  {
    name: "delete a stray that somebody uses",
    file: "src/reconcilers/secret-rotation/acts/retire.ts",
    text: "  if (onlyIfNeverUsed && ",
    instead: '  if (onlyIfNeverUsed && id === "" && ',
    specs: [reconciler],
  },
  {
    name: "act on one rotate-at again and again",
    file: "src/domain/rotation/transitions.ts",
    text: '    ...(trigger === "Requested" && handledRotateAt !== undefined ? { lastHandledRotateAt: handledRotateAt } : {}),',
    instead: "",
    specs: [reconciler, planner],
  },
  {
    name: "write over a Secret that is not ours",
    file: "src/stores/kubernetes-secret.ts",
    text: "    if (uid === undefined || !labelled) {",
    instead: '    if (uid === "") {',
    specs: [stores, reconciler],
  },
  {
    name: "repeat in an error what the server said",
    file: "src/providers/vault/errors.ts",
    text: "      publicMessage: `Vault ${operation} ${what}.`,",
    instead: '      publicMessage: `Vault ${operation} ${what}: ${(errors ?? []).join(" ")}.`,',
    specs: [providers],
  },
  {
    name: "believe a listing that lags: what it does not show needs no disabling",
    file: "src/reconcilers/secret-rotation/acts/retire.ts",
    text: "  if (seen?.enabled !== false) {",
    instead: "  if (seen?.enabled === true) {",
    specs: [reconciler],
  },
  {
    name: "delete the oldest key, not the one on record",
    file: "src/reconcilers/secret-rotation/acts/retire.ts",
    text: "    source.revoke(id, callContext(act)),",
    instead: `    source
      .list(callContext(act))
      .then(({ credentials }) => [...credentials].sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime())[0])
      .then((oldest) => source.revoke(oldest?.id ?? id, callContext(act))),`,
    specs: [reconciler],
  },
  {
    name: "delete a stray without disabling it first",
    file: "src/domain/rotation/retire.ts",
    text: '        ? { type: "disable", id: entry.id }',
    instead: '        ? { type: "revoke", id: entry.id, onlyIfNeverUsed: true }',
    specs: [planner],
  },
  {
    name: "cut an overlap short to make room",
    file: "src/domain/rotation/slots.ts",
    text: '    (entry) => entry.disabledAt !== undefined && entry.deletedAt === undefined && entry.why !== "Stray",',
    instead: '    (entry) => entry.deletedAt === undefined && entry.why !== "Stray",',
    specs: [planner],
  },
  {
    name: "go back to a key that is dead",
    file: "src/domain/rotation/open-rotation.ts",
    text: '  return input.listing.some(({ id, enabled }) => id === previous.id && enabled) ? "open" : "closed";',
    instead: '  return "open";',
    specs: [planner],
  },
  {
    name: "issue under an intent that another process wrote",
    file: "src/domain/rotation/open-rotation.ts",
    text: "  return rotation.issuer === input.self && !overtaken(input, rotation)",
    instead: "  return !overtaken(input, rotation)",
    specs: [planner],
  },
  {
    name: "requireUnusedFor fails open",
    file: "src/reconcilers/secret-rotation/acts/retire.ts",
    text: '  if (use.kind === "never") return;',
    instead: '  if (use.kind !== "at") return;',
    specs: [reconciler],
  },
  {
    name: "take the proof for granted",
    file: "src/reconcilers/secret-rotation/acts/retire.ts",
    text: '  if (outcome.kind === "accepted") {',
    instead: '  if (outcome.kind === "accepted" && id === "") {',
    specs: [reconciler],
  },
  {
    name: "decide on what an API server showed that lags behind",
    file: "src/reconcilers/freshness.ts",
    text: "      if (known.refusals < MOST_TOLERATED) return true;",
    instead: "",
    specs: [reconciler],
  },
  {
    name: "let the finalizer go before the ledger knows",
    file: "src/domain/rotation/deletion.ts",
    text: '  if (!input.inLedger) return { type: "writeLedger" };',
    instead: "",
    specs: [planner, reconciler],
  },
  {
    name: "the ledger does not hold",
    file: "src/domain/orphan/plan.ts",
    text: '  if (heldUntil > input.now) return { type: "wait", for: "Hold", recheckAt: heldUntil };',
    instead: "",
    specs: [ledger, reconciler],
  },
  {
    name: "the ledger goes on with what a successor has taken over",
    file: "src/domain/orphan/plan.ts",
    text: '  if (input.takenOver) return { type: "wait", for: "TakenOver" };',
    instead: "",
    specs: [ledger, reconciler],
  },
  {
    name: "sweep away what belongs to a resource that is there",
    file: "src/reconcilers/sweep.ts",
    text: "  if (object?.metadata.uid === owner.uid) return;",
    instead: "",
    specs: [reconciler],
  },
  {
    name: "go on for an identity that is suspended",
    file: "src/domain/rotation/suspension.ts",
    text: '  if (identity === undefined || identity === "Active") return undefined;',
    instead: '  if (identity !== "NotReady") return undefined;',
    specs: [planner, reconciler],
  },
  {
    name: "leave a rotation open when its identity ends",
    file: "src/domain/rotation/suspension.ts",
    text: "  if (rotation === undefined || !hasEnded(identity)) return undefined;",
    instead: '  if (rotation === undefined || !hasEnded(identity) || rotation.id !== "") return undefined;',
    specs: [planner, reconciler],
  },
  {
    name: "go on after a suspension without a login",
    file: "src/domain/rotation/suspension.ts",
    text: '  return { type: "comeBack", step: "Login" };',
    instead: '  return { type: "comeBack", step: "End" };',
    specs: [planner, reconciler],
  },
  {
    name: "rotate the keys of a user that is not the identity's",
    file: "src/reconcilers/secret-rotation/acts/ownership.ts",
    text: "  if (identity?.uid !== undefined && seen.ownerUid === identity.uid) return;",
    instead: "  if (identity?.uid !== undefined) return;",
    specs: [reconciler],
  },
  {
    name: "adopt what does not log in",
    file: "src/reconcilers/secret-rotation/acts/adoption.ts",
    text: "  await logIn(act, source, { material, key });",
    instead: '  if (key.id === "") await logIn(act, source, { material, key });',
    specs: [reconciler],
  },
  {
    name: "end what was only adopted",
    file: "src/domain/rotation/deletion.ts",
    text: 'id !== status.current?.id || (policy !== "Retain" && status.current.adopted !== true)',
    instead: 'id !== status.current?.id || policy !== "Retain"',
    specs: [planner, reconciler],
  },
  {
    name: "keep what was adopted after the owner has asked for it back",
    file: "src/domain/rotation/adoption.ts",
    text: '  return asFound ? undefined : giveBack(input, "PlaceChanged");',
    instead: "  return undefined;",
    specs: [planner, reconciler],
  },
  {
    name: "give an adopted Secret back with our marks on it",
    file: "src/stores/kubernetes-secret.ts",
    text: "            ANNOTATIONS.ownerUid,\n            ANNOTATIONS.version,",
    instead: "",
    specs: [stores, reconciler],
  },
  {
    name: "issue without a permit",
    file: "src/reconcilers/secret-rotation/acts/issue.ts",
    text: "  await requireIssuePermit(ports, `${scope.object.metadata.uid}/${rotation.id}`);",
    instead: "",
    specs: [reconciler],
  },
  {
    name: "take out of use what the limit holds back",
    file: "src/reconcilers/secret-rotation/deletion.ts",
    text: '      if (seen.held) return await letGo(act, "removeFinalizer");',
    instead: "",
    specs: [reconciler],
  },
  {
    name: "hand out numbers again after the status was wiped",
    file: "src/reconcilers/secret-rotation/acts/ownership.ts",
    text: "Math.max(recorded ?? 0, claimed);",
    instead: "(recorded ?? 0);",
    specs: [reconciler],
  },
  {
    name: "sign anew over what the record does not know",
    file: "src/domain/rotation/collapsed.ts",
    text: "  if (found !== undefined) return",
    instead: "  if (found !== undefined && found === undefined) return",
    specs: [reconciler],
  },
  {
    name: "deliver a certificate that was not checked",
    file: "src/reconcilers/secret-rotation/acts/sign.ts",
    text: '  if (good.kind === "usable" && wrong.kind === "refused") return true;',
    instead: '  if (good.kind === "usable") return true;',
    specs: [reconciler],
  },
  {
    name: "take a certificate as it comes, whatever its chain",
    file: "src/providers/vault/pki/source.ts",
    text: "        isChain(parts.read) &&",
    instead: "",
    specs: ["src/providers/vault/pki/source.test.ts"],
  },
  {
    name: "a refused login without a reservation",
    file: "src/domain/rotation/lockout.ts",
    text: "  if (recent.length < MOST_REFUSALS) return",
    instead: "  if (recent.length < 100) return",
    specs: [reconciler],
  },
  {
    name: "take the secret ids of others for strays",
    file: "src/domain/rotation/strays.ts",
    text: "intent.id === observed.mark)?.intent",
    instead: "intent.id !== observed.mark)?.intent",
    specs: [reconciler],
  },
  {
    name: "let a leaked one live through its overlap",
    file: "src/domain/rotation/retire.ts",
    text: "  if (entry.leaked === true) return endLeaked(input, entry);",
    instead: "",
    specs: [reconciler],
  },
  {
    name: "go back to a leaked one",
    file: "src/domain/rotation/open-rotation.ts",
    text: "replacesTheDead(rotation) || previous.leaked)",
    instead: "replacesTheDead(rotation))",
    specs: [reconciler],
  },
  {
    name: "wait for a window although the credential ends",
    file: "src/domain/rotation/schedule.ts",
    text: "limit <= wanted.at)) return",
    instead: "limit > wanted.at)) return",
    specs: ["src/domain/rotation/schedule.test.ts"],
  },
  {
    name: "overwrite a password that has come since the intent",
    file: "src/providers/vault/database/source.ts",
    text: "issueOptions.knownIds?.includes(id) === false) throw",
    instead: "issueOptions.knownIds?.includes(id) === undefined) throw",
    specs: [providers],
  },
  {
    name: "leave the sessions of a dead password open",
    file: "src/providers/vault/database/source.ts",
    text: "        await endSessions(session, seat, stands, context);",
    instead: "",
    specs: [providers],
  },
  {
    name: "change the password of the user in use",
    file: "src/providers/vault/database/source.ts",
    text: "=> !inUse.some(",
    instead: "=> inUse.length < 9 || !inUse.some(",
    specs: [providers],
  },
  {
    name: "change a single user's password without consent",
    file: "src/domain/rotation/settings.ts",
    text: "acceptsOutage !== true)",
    instead: "acceptsOutage === false)",
    specs: [reconciler],
  },
  {
    name: "delete a Secret that is no token's anchor",
    file: "src/providers/kubernetes/token/source.ts",
    text: "    if (found === undefined || isAnchorOf(found, name)) return found;",
    instead: "    return found;",
    specs: [reconciler],
  },
  {
    name: "hand the private half of a key pair to a hook",
    file: "src/providers/hook/source.ts",
    text: '  return kind === "sshKey" ? { publicKey } : rest;',
    instead: '  return kind === "sshKey" ? { publicKey, ...rest } : rest;',
    specs: [providers],
  },
  {
    name: "take more from a hook than the spec names",
    file: "src/providers/hook/source.ts",
    text: "  if (!whole || Object.keys(given).length !== fields.length)",
    instead: "  if (!whole)",
    specs: [providers],
  },
];
