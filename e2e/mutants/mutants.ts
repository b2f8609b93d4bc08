/** One way to break the protocol: an exact text that stands once in one file, and what is put in its place. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly instead: string;
  /** Specs that should notice, tried in this order. */
  readonly specs: readonly string[];
  /** A scenario of `accept -- rotation` that must notice too. */
  readonly scenario?: string;
}

const planner = "src/domain/rotation/*.test.ts";
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
  if (scope.status.sequence === undefined) await hastySource.issue({ signal: scope.signal, log: ports.log });`,
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
    text: '  if (!known && (await source.negativeControl(material, callContext(act))).kind === "accepted") {',
    instead: "  if (known && !known) {",
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
];
