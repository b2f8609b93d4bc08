import { without } from "../../../kernel/without.ts";
import { cleared, failed } from "../../../domain/rotation/failures.ts";
import { loggedIn, abandoned } from "../../../domain/rotation/transitions.ts";
import { resumed } from "../../../domain/rotation/standing.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { SecretMaterial } from "../../../kernel/secret-material.ts";
import { openSource } from "../steps/observe.ts";
import { wordsFor } from "../scope.ts";
import { underPermit } from "./refusals.ts";
import { callContext, mutate, openRotation, say, type Act, type Carry } from "./act.ts";

const REJECTED_CAP_MS = 3_600_000;

/** One login with the new credential and, at the first success, one with a wrong one, which must be refused or the check lies. */
export const verify: Carry<"verify"> = async (act, { version, issuedAt }) => {
  const { scope, ports, inForce } = act;
  const rotation = openRotation(act);
  const at = { now: scope.now, settings: inForce.settings };
  if (!inForce.settings.verify.login) {
    return loggedIn(scope.status, rotation, { login: "usable", wrongRefused: false }, at);
  }
  const material = await staged(act, version);
  const source = await openSource(scope, inForce, ports);
  const { lockout, controlCounts } = source.capabilities;
  const logIn = () => source.verify(material, issuedAt, callContext(act));
  const { successes = 0, wrongRefused: known = false } = rotation.verification ?? {};
  const first = lockout && successes === 0;
  const login = first
    ? await underPermit(act, version, { run: logIn, refused: ({ kind }) => kind !== "usable" })
    : await logIn();
  if (login.kind === "notYet") return loggedIn(scope.status, rotation, { login: "notYet", wrongRefused: false }, at);
  if (login.kind === "rejected") return giveUp(act, "Rejected", "the provider refuses it");
  // A pass has one refusal at most.
  if (first && controlCounts) return loggedIn(scope.status, rotation, { login: "usable", wrongRefused: false }, at);
  if (!known) {
    const wrong = () => source.negativeControl(material, callContext(act));
    const outcome = controlCounts
      ? await underPermit(act, version, { run: wrong, refused: ({ kind }) => kind === "refused" })
      : await wrong();
    if (outcome.kind === "accepted")
      return giveUp(act, "NegativeControlAccepted", "a wrong credential was accepted too, so the check proves nothing");
    // A good login follows a refused one.
    if (controlCounts && (await logIn()).kind !== "usable") return giveUp(act, "Rejected", "the provider refuses it");
  }
  const next = loggedIn(scope.status, rotation, { login: "usable", wrongRefused: true }, at);
  if (next.rotation?.verification?.verifiedAt !== undefined) {
    say(act, "Normal", "Verified", `Credential ${version} logged in; a wrong one was refused.`, "Verify");
  }
  return next;
};

const giveUp = (act: Act, reason: string, why: string) => {
  const { scope, inForce } = act;
  const rotation = openRotation(act);
  say(act, "Warning", "VerificationRejected", `Credential ${rotation.version} is given up: ${why}.`, "Verify");
  const status = abandoned(scope.status, rotation, { now: scope.now, settings: inForce.settings });
  const message = `The new credential did not verify: ${why}.`;
  return {
    ...status,
    failures: failed(scope.status.failures, { reason, message, now: scope.now, capMs: REJECTED_CAP_MS }),
  };
};

/** The staged value of a version, which must belong to the credential on record. */
export const staged = async ({ scope, ports }: Act, version: string): Promise<SecretMaterial> => {
  const { current, rotation } = scope.status;
  const recorded = [
    current,
    rotation?.previous,
    rotation?.credential && { version: rotation.version, id: rotation.credential.id },
  ].find((credential) => credential?.version === version);
  const staging = scope.staging ?? (await ports.staging.read(scope.object.metadata.uid));
  const entry = staging.versions.find(
    (candidate) => candidate.version === version && (recorded === undefined || candidate.id === recorded.id),
  );
  if (entry !== undefined) return entry.material;
  throw new OperatorError("NotFound", {
    publicMessage: `The value of credential ${version} is not in staging any more.`,
  });
};

/** Undo: the predecessor's key is switched on, must log in, and only then counts as current again. */
export const resume: Carry<"resume"> = async (act, { step }) => {
  const { scope, ports, inForce } = act;
  const current = scope.status.current;
  if (current === undefined) return scope.status;
  const source = await openSource(scope, inForce, ports);
  if (step === "Enable") {
    await mutate(
      act,
      { action: wordsFor(act).enable, kind: "Issuing", target: current.id, facts: { status: "Active" } },
      () => source.setEnabled(current.id, true, callContext(act)),
    );
    return scope.status;
  }
  const listed = scope.listing?.credentials.some(({ id }) => id === current.id) === true;
  const material =
    scope.staging?.versions.find(({ version }) => version === current.version)?.material ??
    (await ports.staging.read(scope.object.metadata.uid)).versions.find(({ version }) => version === current.version)
      ?.material;
  const login =
    listed && material !== undefined
      ? await source.verify(material, scope.now, callContext(act))
      : { kind: "rejected" as const };
  if (login.kind === "usable") {
    say(
      act,
      "Normal",
      "Resumed",
      `Credential ${current.version} of the deleted predecessor is in force again.`,
      "Resume",
    );
    return cleared(resumed(scope.status, scope.now), "failures");
  }
  if (login.kind === "notYet") {
    throw new OperatorError("Unavailable", {
      publicMessage: "The predecessor's key is switched on and not accepted yet.",
    });
  }
  // It cannot be won back: it is retired as superseded, and a new one is issued.
  const rest = without(scope.status, "current");
  return {
    ...rest,
    pendingRevocations: [
      ...(rest.pendingRevocations ?? []),
      {
        version: current.version,
        id: current.id,
        why: "Rejected",
        since: scope.status.lastRotationTime ?? current.issuedAt,
        graceSeconds: 0,
        overlapSeconds: 0,
      },
    ],
  };
};
