import { issued, abandoned, previousKept } from "../../../domain/rotation/transitions.ts";
import { leakRecorded, strayRecorded } from "../../../domain/rotation/ending.ts";
import { nextRotation } from "../../../domain/rotation/next.ts";
import { replacementNoted, replacesLost } from "../../../domain/rotation/replacements.ts";
import { idsInUse } from "../../../domain/rotation/slots.ts";
import { OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import type { SecretMaterial } from "../../../kernel/secret-material.ts";
import type { StagedVersion } from "../../../stores/contract.ts";
import type { IssuedCredential } from "../../../providers/contract.ts";
import { requireIssuePermit } from "../../limits.ts";
import { openSource, openStore } from "../steps/observe.ts";
import { holderOf } from "../../../domain/rotation/source.ts";
import { capabilitiesFor, requireTarget, wordsFor } from "../scope.ts";
import { callContext, mutate, openRotation, say, type Act, type Carry } from "./act.ts";

/**
 * The provider makes it, then the staging Secret. The intent is durable already; a credential whose value cannot be staged is revoked on the
 * spot, and when even that fails, or this process dies, the next pass finds it by the intent.
 */
export const issueAndStage: Carry<"issueAndStage"> = async (act) => {
  const { scope, ports, inForce } = act;
  const rotation = openRotation(act);
  const source = await openSource(scope, inForce, ports);
  const holder = holderOf(requireTarget(scope, inForce.settings));
  const seen = { status: scope.status, listing: scope.listing?.credentials, now: scope.now };
  const asked = { key: scope.object.metadata.uid, namespace: scope.request.namespace };
  const replacesDead = replacesLost(scope.status, rotation.trigger);
  const expires = rotation.trigger === "Scheduled" && isExpiring(act);
  await requireIssuePermit(ports, asked, { replacesDead, expires });
  const credential = await mutate(
    act,
    {
      action: wordsFor(act).issue,
      kind: "Issuing",
      target: holder,
      facts: { rotationId: rotation.id, version: rotation.version },
    },
    () => source.issue(callContext(act), rotation.id, { inUse: idsInUse(seen), knownIds: rotation.knownIds }),
  );
  if (rotation.knownIds.includes(credential.id)) {
    // Not ours to stage, and above all not ours to revoke: somebody may be logging in with it.
    throw new OperatorError("Unavailable", {
      publicMessage: "The provider answered with a key that existed before; it is not taken for a new one.",
    });
  }
  await stageOrRevoke(act, credential, rotation.version);
  say(act, "Normal", "Issued", `Credential ${rotation.version} was issued for ${holder}.`);
  return issued(replacementNoted(scope.status, rotation.trigger, scope.now), rotation, credential);
};

/** Within the margin before its end the credential in use is renewed, and goes before what only rotates. */
const isExpiring = ({ scope, inForce }: Act): boolean => {
  const { status, object } = scope;
  return nextRotation({ status, settings: inForce.settings, seed: object.metadata.uid })?.reason === "Expiry";
};

const stageOrRevoke = async (act: Act, credential: IssuedCredential, version: string): Promise<void> => {
  const { scope, ports, inForce } = act;
  const { id, material, issuedAt } = credential;
  try {
    await mutate(act, { action: "kubernetes:StageSecret", kind: "Issuing", target: id, facts: { version } }, () =>
      ports.staging.put(scope.owner, { version, id, material, issuedAt }),
    );
  } catch (thrown) {
    const error = toOperatorError(thrown);
    const stands = await staging(act);
    // Nobody can say whether it was stored: the next pass finds it, staged or as a stray of this intent.
    if (stands === undefined) throw error;
    if (stands.some((entry) => entry.version === version && entry.id === id)) return;
    const source = await openSource(scope, inForce, ports);
    // Our own fresh key, which nobody else has seen: it goes although the pass may be ending.
    await mutate(
      act,
      { action: wordsFor(act).revoke, kind: "Revoking", target: id, facts: { because: "NotStaged" } },
      () => source.revoke(id, callContext(act)),
    ).catch((failure: unknown) => {
      ports.log.error("A key that could not be staged could not be revoked either; its intent will find it", {
        error: failure,
        id,
      });
    });
    throw error;
  }
};

const staging = async ({ scope, ports }: Act): Promise<readonly StagedVersion[] | undefined> =>
  ports.staging.read(scope.object.metadata.uid).then(
    ({ versions }) => versions,
    () => undefined,
  );

/** The answer was recorded in staging but not in status: the process died in between. */
export const recordStaged: Carry<"recordStaged"> = async (act, { id, issuedAt }) => {
  const { scope, inForce, ports } = act;
  // Staging does not know when it ends; the provider does.
  const listing = scope.listing ?? (await (await openSource(scope, inForce, ports)).list(callContext(act)));
  const expiresAt = listing.credentials.find((credential) => credential.id === id)?.expiresAt;
  const rotation = openRotation(act);
  return issued(replacementNoted(scope.status, rotation.trigger, scope.now), rotation, { id, issuedAt, expiresAt });
};

export const recordStray: Carry<"recordStray"> = async (act, { id }) => {
  say(
    act,
    "Warning",
    "StrayFound",
    `${wordsFor(act).credential} ${id} was made under an intent of this resource but never recorded; it is disabled, and deleted if it was never used.`,
  );
  return strayRecorded(act.scope.status, id, act.scope.now);
};

export const recordLeak: Carry<"recordLeak"> = async (act, { version }) => {
  const { scope, inForce } = act;
  const { onLeak } = inForce.settings;
  const what = onLeak === "RevokeFirst" ? "it is revoked at once" : "it is replaced at once and then revoked";
  say(act, "Warning", "LeakReported", `Credential ${version} is said to have leaked; ${what} (spec.onLeak).`);
  return leakRecorded(scope.status, version, { now: scope.now, settings: inForce.settings });
};

export const discardPending: Carry<"discardPending"> = async (act, { because }) => {
  const rotation = openRotation(act);
  say(
    act,
    "Warning",
    "RotationAbandoned",
    `Credential ${rotation.version} is given up before anybody had it (${because}).`,
  );
  return abandoned(act.scope.status, rotation, { now: act.scope.now, settings: act.inForce.settings });
};

/**
 * The value in use must be in staging before it is replaced, or there is no going back. It has been there since it was issued;
 * when somebody removed it, it is won back from a delivery that still carries it.
 */
export const keepPrevious: Carry<"keepPrevious"> = async (act) => {
  const { scope, ports } = act;
  const rotation = openRotation(act);
  const replaced = rotation.previous ?? scope.status.current;
  if (replaced === undefined)
    throw new OperatorError("Unknown", { publicMessage: "There is no credential in use to keep." });
  const { overwrites, slots } = capabilitiesFor(act);
  // The new one has taken its place: whatever is kept of it opens nothing any more.
  if (overwrites === true && slots === 1) return previousKept(scope.status, rotation, "Unavailable");
  const staging = scope.staging ?? (await ports.staging.read(scope.object.metadata.uid));
  if (staging.versions.some(({ version }) => version === replaced.version)) {
    return previousKept(scope.status, rotation, "Kept");
  }
  const material = await fromDelivery(act, replaced.version);
  if (material === undefined) {
    say(
      act,
      "Warning",
      "RollbackUnavailable",
      `The value of credential ${replaced.version} is in no place any more; this rotation can only go forward.`,
    );
    return previousKept(scope.status, rotation, "Unavailable");
  }
  await putBack(act, { ...replaced, material });
  return previousKept(scope.status, rotation, "Kept");
};

const putBack = (
  act: Act,
  entry: {
    readonly version: string;
    readonly id: string;
    readonly issuedAt: string;
    readonly material: SecretMaterial;
  },
): Promise<void> => {
  const { scope, ports } = act;
  const { version, id, material } = entry;
  return mutate(act, { action: "kubernetes:StageSecret", kind: "Issuing", target: id, facts: { version } }, () =>
    ports.staging.put(scope.owner, { version, id, material, issuedAt: new Date(entry.issuedAt) }),
  );
};

/** Somebody has emptied staging in the middle of publishing: what was published already says what it was. */
export const restage: Carry<"restage"> = async (act, entry) => {
  const material = await fromDelivery(act, entry.version);
  if (material !== undefined) {
    await putBack(act, { ...entry, material });
    return act.scope.status;
  }
  return abandoned(act.scope.status, openRotation(act), { now: act.scope.now, settings: act.inForce.settings });
};

export const fromDelivery = async (act: Act, version: string) => {
  for (const { place } of act.inForce.settings.deliveries) {
    const store = await openStore(act.scope, place, act.ports);
    const seen = await store.observe(callContext(act));
    if (seen.kind === "ours" && seen.version === version && seen.material !== undefined) return seen.material;
  }
  return undefined;
};
