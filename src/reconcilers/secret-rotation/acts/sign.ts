import { recordedPlace, type RotationStatus } from "../../../domain/rotation/record.ts";
import { ROTATE_AT } from "../../../api/v1alpha1/annotations.ts";
import { sequenceOf } from "../../../domain/rotation/collapsed.ts";
import type { DeliverySetting } from "../../../domain/rotation/settings.ts";
import { holderOf } from "../../../domain/rotation/source.ts";
import { replacementNoted } from "../../../domain/rotation/replacements.ts";
import { expired, signed, surrendered, type Signed } from "../../../domain/rotation/ending.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { randomWord } from "../../../kernel/ids.ts";
import type { SecretMaterial } from "../../../kernel/secret-material.ts";
import type { CredentialSource } from "../../../providers/contract.ts";
import type { DeliveryObservation, DeliveryStore } from "../../../stores/contract.ts";
import {
  needsFinalizer,
  NOT_ADOPTED,
  noteCaution,
  openForTakingBack,
  openSource,
  openStore,
} from "../steps/observe.ts";
import { requireTarget, wordsFor } from "../scope.ts";
import { callContext, mutate, say, type Act, type Carry } from "./act.ts";
import { ensureFinalizer } from "./ownership.ts";
import { actionOf } from "./publish.ts";

interface Place {
  readonly setting: DeliverySetting;
  readonly store: DeliveryStore;
  readonly seen: Exclude<DeliveryObservation, { kind: "foreign" | "adoptable" }>;
}

/**
 * Issued, checked in memory and written to every place, for sources that leave nothing behind. A death before the first write loses a value that
 * nobody has; one after it is made up for by what stands there (recordSigned). The answer to each write is the reading back.
 */
export const sign: Carry<"sign"> = async (act, { because }) => {
  const { scope, inForce, ports } = act;
  if (needsFinalizer(inForce.settings)) await ensureFinalizer(act);
  const source = await openSource(scope, inForce, ports);
  const places = await lookAtPlaces(act);
  const sequence = (scope.status.sequence ?? 0) + 1;
  const version = `${sequence}-${randomWord(5)}`;
  const words = wordsFor(act);
  const holder = holderOf(requireTarget(scope, inForce.settings));
  const credential = await mutate(
    act,
    { action: words.issue, kind: "Issuing", target: holder, facts: { version, because } },
    () => source.issue(callContext(act), undefined, sequence === 1 ? { inUse: [], first: true } : undefined),
  );
  const checked = await check(act, source, credential.material);
  for (const place of places) {
    if (!(await write(act, place, { version, material: credential.material }))) return scope.status;
  }
  noteCaution(scope, source, ports);
  ports.metrics.rotationEnded({ result: "Succeeded", provider: words.provider });
  say(
    act,
    "Normal",
    "Published",
    `${words.credential} ${version} was issued, checked and delivered to ${places.length} place(s).`,
    "Publish",
  );
  const rotateAt = because === "Requested" ? scope.object.metadata.annotations?.[ROTATE_AT] : undefined;
  const status = made(act, { ...credential, version, sequence, checked, rotateAt }, places);
  return { ...status, ...replacedAtOf(replacementNoted(scope.status, because, scope.now)) };
};

const replacedAtOf = ({ replacedAt }: RotationStatus): Partial<Pick<RotationStatus, "replacedAt">> =>
  replacedAt === undefined ? {} : { replacedAt };

/** The first one is written create-only, so nothing is read before it. */
const lookAtPlaces = async (act: Act): Promise<readonly Place[]> => {
  const { scope, inForce, ports } = act;
  const places: Place[] = [];
  for (const setting of inForce.settings.deliveries) {
    const store = await openStore(scope, setting.place, ports);
    const known = scope.deliveries?.[setting.name];
    const unread = known === undefined && setting.place.kubernetesSecret !== undefined;
    const seen = unread ? ABSENT : (known ?? (await store.observe(callContext(act))));
    places.push({ setting, store, seen: ours(seen) });
  }
  return places;
};

const ABSENT: DeliveryObservation = { kind: "absent", precondition: { kind: "secret" } };

const ours = (seen: DeliveryObservation): Place["seen"] => {
  if (seen.kind === "foreign") throw new OperatorError("Conflict", { publicMessage: seen.why });
  if (seen.kind === "adoptable") throw new OperatorError("Conflict", { publicMessage: `${NOT_ADOPTED}.` });
  return seen;
};

/** In memory, so it costs nothing; what fails is thrown away, for nobody has had it. */
const check = async (act: Act, source: CredentialSource, material: SecretMaterial): Promise<boolean> => {
  if (!act.inForce.settings.verify.login) return false;
  const good = await source.verify(material, act.scope.now, callContext(act));
  const wrong = await source.negativeControl(material, callContext(act));
  if (good.kind === "usable" && wrong.kind === "refused") return true;
  throw new OperatorError("Unavailable", {
    publicMessage:
      good.kind === "usable"
        ? "A wrong credential was accepted too, so the check proves nothing; another one is issued."
        : "What was issued does not hold together; it is thrown away and another one is issued.",
  });
};

/**
 * False: something of ours stands at a place that was taken for empty, because its record was lost. It is looked at before anything is written
 * over it.
 */
const write = async (
  act: Act,
  { setting, store, seen }: Place,
  entry: { readonly version: string; readonly material: SecretMaterial },
): Promise<boolean> => {
  const { scope } = act;
  const answer = await mutate(
    act,
    {
      action: `${actionOf(store)}:Publish`,
      kind: "Issuing",
      target: store.target,
      facts: { version: entry.version },
    },
    () => store.publish(entry, seen.precondition, callContext(act)),
  ).catch((thrown: unknown) => {
    if (!(thrown instanceof OperatorError) || thrown.code !== "Conflict") throw thrown;
    return undefined;
  });
  const stands = ours(answer ?? (await store.observe(callContext(act))));
  scope.deliveries = { ...scope.deliveries, [setting.name]: stands };
  if (stands.kind === "ours" && stands.version === entry.version && stands.matches(entry.material)) return true;
  if (stands.kind === "ours" && seen.kind === "absent") return false;
  throw new OperatorError("Unavailable", {
    publicMessage: `What was written to ${store.target} could not be read back; it is written again.`,
  });
};

const made = (
  { scope, inForce }: Act,
  credential: Omit<Signed, "places">,
  places: readonly Pick<Place, "setting" | "store">[],
) =>
  signed(
    scope.status,
    {
      ...credential,
      places: places.map(({ setting: { name, place, digest }, store: { target } }) => ({
        name,
        version: credential.version,
        target,
        place: recordedPlace(place),
        digest,
      })),
    },
    { now: scope.now, settings: inForce.settings },
  );

/** The process died between publishing and recording: what stands there says what it is. */
export const recordSigned: Carry<"recordSigned"> = async (act, { delivery }) => {
  const { scope, inForce, ports } = act;
  const setting = inForce.settings.deliveries.find(({ name }) => name === delivery);
  const seen = scope.deliveries?.[delivery];
  // It is put on record, nothing is issued: also for an identity that has ended.
  const source = await openForTakingBack(scope, inForce, ports);
  if (setting === undefined || seen?.kind !== "ours" || seen.material === undefined) return scope.status;
  const credential = source.recognise?.(seen.material);
  if (credential === undefined) return scope.status;
  const { version } = seen;
  const checked = await check(act, source, seen.material);
  const store = await openStore(scope, setting.place, ports);
  if (needsFinalizer(inForce.settings)) await ensureFinalizer(act);
  const sequence = sequenceOf(version) ?? 1;
  return made(act, { ...credential, version, sequence, checked }, [{ setting, store }]);
};

export const surrender: Carry<"surrender"> = async (act) => {
  const { scope } = act;
  const { current } = scope.status;
  say(
    act,
    "Normal",
    "Surrendered",
    current?.leaked === true
      ? `${wordsFor(act).credential} ${current.version} has leaked and is revoked; too many were replaced lately, so another one is issued later.`
      : `${wordsFor(act).credential} ${current?.version ?? ""} is revoked, because its identity is not Active; another one is issued on its return.`,
    "Retire",
  );
  return surrendered(scope.status, scope.now);
};

export const recordExpired: Carry<"recordExpired"> = async ({ scope }, { id }) => expired(scope.status, id, scope.now);
