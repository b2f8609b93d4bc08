import { recordedPlace } from "../../../domain/rotation/record.ts";
import { adopted, givenBack } from "../../../domain/rotation/standing.ts";
import { timeText } from "../../../kernel/time-text.ts";
import type { DeliveryRecord } from "../../../domain/rotation/record.ts";
import type { DeliverySetting } from "../../../domain/rotation/settings.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { SecretMaterial } from "../../../kernel/secret-material.ts";
import type { CredentialSource, ObservedCredential } from "../../../providers/contract.ts";
import { openSource, openStore } from "../steps/observe.ts";
import { holderOf } from "../../../domain/rotation/source.ts";
import { requireTarget, wordsFor } from "../scope.ts";
import { callContext, mutate, say, type Act, type Carry } from "./act.ts";
import { claimTarget } from "./claim.ts";
import { ensureFinalizer, ensureOwnership, proveOwner } from "./ownership.ts";

interface Place {
  readonly setting: DeliverySetting;
  readonly target: string;
  readonly material: SecretMaterial;
}

/**
 * A Secret that asks for it and the access key in it become the current credential. Nothing of either is changed: they are claimed, the
 * value is copied to staging so that there is a way back, and a real login says that the two belong together.
 */
export const adopt: Carry<"adopt"> = async (act, { deliveries }) => {
  const { scope, inForce, ports } = act;
  await ensureFinalizer(act);
  const places = await findPlaces(act, deliveries);
  const [first] = places;
  if (first === undefined) return scope.status;
  const { material } = first;
  if (!places.every((place) => place.material.equals(material)))
    throw conflict("The Secrets that ask to be adopted hold different credentials; adopt one of them.");
  const source = await openSource(scope, inForce, ports);
  const target = requireTarget(scope, inForce.settings);
  proveOwner(act, target, await source.observeTarget(callContext(act)));
  const key = await findKey(act, source, material);
  await logIn(act, source, { material, key });

  await ensureOwnershipUnmarked(act, key);
  const sequence = (scope.status.sequence ?? 0) + 1;
  const version = `${sequence}-adopted`;
  const records: DeliveryRecord[] = [];
  for (const { setting, target } of places) {
    const { name, place, digest } = setting;
    await claimTarget(act, target, { snapshot: canonicalJson({ delivery: recordedPlace(place) }) });
    records.push({ name, version, target, place: recordedPlace(place), digest });
  }
  await stage(act, { version, id: key.id, material, issuedAt: key.createdAt });
  say(
    act,
    "Normal",
    "Adopted",
    `${wordsFor(act).credential} ${key.id} of ${wordsFor(act).holder} ${holderOf(target)} is taken over as it is, in use as credential ${version}; it is given back untouched until the first rotation has replaced it.`,
    "Adopt",
  );
  return adopted(scope.status, {
    version,
    sequence,
    id: key.id,
    issuedAt: key.createdAt,
    places: records,
    now: scope.now,
  });
};

/** What stands there now, read afresh: the plan may be some calls old. */
const findPlaces = async (act: Act, deliveries: readonly string[]): Promise<readonly Place[]> => {
  const places: Place[] = [];
  for (const setting of act.inForce.settings.deliveries.filter(({ name }) => deliveries.includes(name))) {
    const store = await openStore(act.scope, setting.place, act.ports);
    const seen = await store.observe(callContext(act));
    if (seen.kind === "adoptable") places.push({ setting, target: store.target, material: seen.material });
  }
  return places;
};

const findKey = async (act: Act, source: CredentialSource, material: SecretMaterial): Promise<ObservedCredential> => {
  const { scope, inForce } = act;
  const id = material.reveal()[wordsFor(act).idField ?? ""];
  const listing = await source.list(callContext(act));
  const key = listing.credentials.find((credential) => credential.id === id);
  if (key?.enabled === true) return key;
  const holder = `${wordsFor(act).holder} ${holderOf(requireTarget(scope, inForce.settings))}`;
  throw conflict(
    `The Secret that asks to be adopted holds no active ${wordsFor(act).credential.toLowerCase()} of ${holder}; correct it, or take its annotation keyturn.dev/adopt off.`,
  );
};

const logIn = async (
  act: Act,
  source: CredentialSource,
  { material, key }: { readonly material: SecretMaterial; readonly key: ObservedCredential },
): Promise<void> => {
  const login = await source.verify(material, key.createdAt, callContext(act));
  if (login.kind === "notYet") {
    throw new OperatorError("Unavailable", {
      publicMessage: `The ${wordsFor(act).credential.toLowerCase()} that is to be adopted is not accepted yet; it is tried again.`,
    });
  }
  if (login.kind === "rejected")
    throw conflict(
      `The ${wordsFor(act).credential.toLowerCase()} in the Secret that asks to be adopted does not log in; correct the Secret.`,
    );
  if ((await source.negativeControl(material, callContext(act))).kind === "accepted")
    throw conflict(
      `A wrong ${wordsFor(act).credential.toLowerCase()} was accepted too, so nothing proves the one that is to be adopted.`,
    );
};

/** The claims only: until a rotation has replaced it, nothing at the provider carries a mark of ours. */
const ensureOwnershipUnmarked = async (act: Act, key: ObservedCredential): Promise<void> => {
  const { scope } = act;
  const before = scope.status;
  // The snapshot says that it is adopted before anything else does: who finds only the claim must not end it.
  const issuedAt = timeText(key.createdAt);
  scope.status = { ...before, current: { version: "0-adopting", id: key.id, issuedAt, adopted: true } };
  await ensureOwnership(act, { next: true });
  const { target, sequence } = scope.status;
  scope.status = {
    ...before,
    ...(target === undefined ? {} : { target }),
    ...(sequence === undefined ? {} : { sequence }),
  };
};

const stage = async (act: Act, entry: Parameters<Act["ports"]["staging"]["put"]>[1]): Promise<void> => {
  const { scope, ports } = act;
  const { uid } = scope.object.metadata;
  const staged = (await ports.staging.read(uid)).versions;
  const left = staged.filter(({ version, id }) => version !== entry.version || id === entry.id);
  if (left.length < staged.length) {
    // An attempt that was cut off, with what the Secret held then.
    await mutate(act, { action: "kubernetes:PruneStaging", kind: "Revoking", target: uid }, () =>
      ports.staging.keepOnly(
        uid,
        left.map(({ version }) => version),
      ),
    );
  }
  await mutate(
    act,
    { action: "kubernetes:StageSecret", kind: "Issuing", target: entry.id, facts: { version: entry.version } },
    () => ports.staging.put(scope.owner, entry),
  );
};

/** Key and Secrets as they were found; what was made beside them goes. */
export const giveBack: Carry<"giveBack"> = async (act) => {
  const { scope, ports } = act;
  const { uid } = scope.object.metadata;
  const { current } = scope.status;
  await returnPlaces(act);
  for (const record of (scope.status.deliveries ?? []).filter(({ target }) => !isAdoptedTarget(act, target))) {
    const store = await openStore(scope, record.place, ports);
    await mutate(act, { action: "delivery:Withdraw", kind: "Revoking", target: record.target }, () =>
      store.withdraw({ final: true }, callContext(act)),
    );
    await ports.claims.release(record.target, uid);
  }
  const keep = (scope.status.pendingRevocations ?? []).map(({ version }) => version);
  await mutate(act, { action: "kubernetes:PruneStaging", kind: "Revoking", target: uid }, () =>
    ports.staging.keepOnly(uid, keep),
  );
  // The claim stays where something of ours has still to die.
  if (keep.length === 0 && scope.status.target !== undefined)
    await ports.claims.release(scope.status.target.claim, uid);
  say(
    act,
    "Normal",
    "GivenBack",
    `Access key ${current?.id ?? ""} and its Secrets are as they were found.`,
    "GiveBack",
  );
  return givenBack(scope.status);
};

const isAdoptedTarget = ({ scope }: Act, target: string): boolean =>
  scope.status.adoptedPlaces?.includes(target) === true;

/** Our marks off, where a rotation had put them on, and what was found there put back. */
export const returnPlaces = async (act: Act): Promise<void> => {
  const { scope, ports } = act;
  const { current } = scope.status;
  const { versions } = await ports.staging.read(scope.object.metadata.uid);
  const material = versions.find(({ version, id }) => version === current?.version && id === current.id)?.material;
  for (const record of (scope.status.deliveries ?? []).filter(({ target }) => isAdoptedTarget(act, target))) {
    const store = await openStore(scope, record.place, ports);
    const seen = await store.observe(callContext(act));
    if (seen.kind === "ours") await returnPlace(act, { record, material: material ?? seen.material });
    await ports.claims.release(record.target, scope.object.metadata.uid);
  }
};

const returnPlace = async (
  act: Act,
  { record, material }: { readonly record: DeliveryRecord; readonly material: SecretMaterial | undefined },
): Promise<void> => {
  const store = await openStore(act.scope, record.place, act.ports);
  if (material === undefined) {
    throw new OperatorError("NotFound", {
      publicMessage: `What was adopted at ${record.target} is in no place any more; take the Secret's marks off by hand.`,
    });
  }
  await mutate(act, { action: "kubernetes:GiveBack", kind: "Revoking", target: record.target }, async () =>
    store.giveBack?.(material, callContext(act)),
  );
};

const conflict = (publicMessage: string): OperatorError => new OperatorError("Conflict", { publicMessage });
