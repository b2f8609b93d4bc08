import type { NotLooked } from "../../../domain/lifecycle/action.ts";
import { OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import type { AccountCredential } from "../../account.ts";
import type { AwsCalls } from "../sdk.ts";
import type { HangingKind, Identity, SwitchableKind } from "./contract.ts";
import type { IamMemory, Topic } from "./memory.ts";
import { isNotFound, mustStop, nothingThere, unknownPiece, unlessNotFound } from "./problems.ts";

/** What an identity has to log in with besides access keys, and what of it could not be listed. */
export interface Listing {
  readonly credentials: readonly AccountCredential[];
  readonly notLooked: readonly NotLooked[];
}

interface KindFacts {
  readonly of: Identity["kind"];
  readonly one: string;
  readonly many: string;
  /** The right that lists them, and those that end what was listed: a person allows them together. */
  readonly right: string;
  readonly switchable: boolean;
}

/**
 * In the order in which they are listed, and so deleted: a password goes before the device that guards it, so that it is never left
 * alone.
 */
const KINDS: Readonly<Record<HangingKind, KindFacts>> = {
  Password: {
    ...{ of: "user", one: "console password", many: "console passwords" },
    ...{ right: "iam:GetLoginProfile, iam:DeleteLoginProfile", switchable: false },
  },
  SshPublicKey: {
    ...{ of: "user", one: "SSH public key", many: "SSH public keys" },
    ...{ right: "iam:ListSSHPublicKeys, iam:UpdateSSHPublicKey, iam:DeleteSSHPublicKey", switchable: true },
  },
  ServiceSpecificCredential: {
    ...{ of: "user", one: "service-specific credential", many: "service-specific credentials" },
    ...{
      right:
        "iam:ListServiceSpecificCredentials, iam:UpdateServiceSpecificCredential, iam:DeleteServiceSpecificCredential",
      switchable: true,
    },
  },
  SigningCertificate: {
    ...{ of: "user", one: "signing certificate", many: "signing certificates" },
    ...{
      right: "iam:ListSigningCertificates, iam:UpdateSigningCertificate, iam:DeleteSigningCertificate",
      switchable: true,
    },
  },
  MfaDevice: {
    ...{ of: "user", one: "MFA device", many: "MFA devices" },
    ...{ right: "iam:ListMFADevices, iam:DeactivateMFADevice, iam:DeleteVirtualMFADevice", switchable: false },
  },
  InstanceProfile: {
    ...{ of: "role", one: "instance profile", many: "instance profiles" },
    ...{ right: "iam:ListInstanceProfilesForRole, iam:RemoveRoleFromInstanceProfile", switchable: false },
  },
};

const ALL = Object.keys(KINDS) as HangingKind[];
const DAY_MS = 24 * 3_600_000;
/** A list that failed is asked for again sooner. */
const AGAIN_MS = 600_000;
const LISTINGS: Topic<Listing> = { name: "credentials" };

/** Every kind, now. NotFound when the identity is gone; what cannot be listed stops nothing and is told. */
export const listEverything = async (calls: AwsCalls, who: Identity, signal: AbortSignal): Promise<Listing> => {
  const parts = await Promise.all(
    ALL.filter((kind) => KINDS[kind].of === who.kind).map(async (kind): Promise<Listing> => {
      try {
        const found = await calls.credentials.list(kind, who.name, signal);
        const { switchable } = KINDS[kind];
        return {
          credentials: found.map(({ id, ...of }) => ({
            ...{ id: `${kind}/${id}`, kind, ...of, switchable },
            ...(kind === "Password" ? { endsAtCut: true } : {}),
          })),
          notLooked: [],
        };
      } catch (error) {
        return { credentials: [], notLooked: [notLookedFor(error, KINDS[kind].many, KINDS[kind].right)] };
      }
    }),
  );
  return {
    credentials: parts.flatMap(({ credentials }) => credentials),
    notLooked: parts.flatMap(({ notLooked }) => notLooked),
  };
};

/** The same, remembered for a day by the identity's own id. `everything`: it is looked at now, whatever is remembered. */
export const listDaily = async (
  calls: AwsCalls,
  who: Identity,
  of: { readonly id: string; readonly everything: boolean; readonly memory: IamMemory },
  signal: AbortSignal,
): Promise<Listing> => {
  const known = of.everything ? undefined : of.memory.recall(LISTINGS, of.id, DAY_MS);
  const age = of.memory.ageMs(LISTINGS, of.id) ?? 0;
  const complete = known?.notLooked.every(({ why }) => why === "NotAllowed") ?? false;
  if (known !== undefined && (complete || age < AGAIN_MS)) return known;
  const listing = await listEverything(calls, who, signal);
  of.memory.keep(LISTINGS, of.id, listing);
  return listing;
};

export const forgetListing = (memory: IamMemory, id: string): void => {
  memory.forget(LISTINGS, id);
};

/** Why a list is missing. Throws what must stop the look: the login or the pass has ended, or the identity is gone. */
export const notLookedFor = (error: unknown, what: string, right: string): NotLooked => {
  if (mustStop(error) || isNotFound(error)) throw error;
  return toOperatorError(error).code === "PermissionDenied"
    ? { what, why: "NotAllowed", right }
    : { what, why: "Failed" };
};

/** `a console password, 2 SSH public keys`; empty for none. */
export const credentialWords = (credentials: readonly AccountCredential[]): readonly string[] =>
  ALL.flatMap((kind) =>
    counted(credentials.filter((each) => each.kind === kind).length, KINDS[kind].one, KINDS[kind].many),
  );

export const counted = (count: number, one: string, many: string): readonly string[] => {
  if (count === 0) return [];
  return [count === 1 ? `${/^[aeiouMS]/.test(one) ? "an" : "a"} ${one}` : `${count} ${many}`];
};

/** `access key AKIA…`, `console password`. */
export const credentialTitle = ({ id, kind }: Pick<AccountCredential, "id" | "kind">): string => {
  if (kind === "Password") return KINDS.Password.one;
  const [, rest] = partsOf(id);
  return `${kind === "AccessKey" || kind === "SecretId" ? "access key" : KINDS[kind].one} ${rest}`;
};

export const setCredentialEnabled = async (
  calls: AwsCalls,
  who: Identity,
  of: { readonly id: string; readonly enabled: boolean },
  signal: AbortSignal,
): Promise<void> => {
  const [kind, id] = partsOf(of.id);
  if (kind === "AccessKey") return calls.updateAccessKey(who.name, id, of.enabled, signal);
  if (kind in KINDS && KINDS[kind as HangingKind].of === who.kind) {
    if (isSwitchable(kind)) return calls.credentials.setEnabled(kind, who.name, id, of.enabled, signal);
    const { one } = KINDS[kind as HangingKind];
    throw new OperatorError("Unknown", { publicMessage: `An IAM ${one} has no switch; it ends by being taken away.` });
  }
  throw unknownPiece();
};

/** NotFound when it is gone already. */
export const removeCredential = async (
  calls: AwsCalls,
  who: Identity,
  credential: string,
  signal: AbortSignal,
): Promise<void> => {
  const [kind, id] = partsOf(credential);
  if (kind === "AccessKey") return calls.deleteAccessKey(who.name, id, signal);
  if (!(kind in KINDS) || KINDS[kind as HangingKind].of !== who.kind) throw unknownPiece();
  const removed = await calls.credentials.remove(kind as HangingKind, who.name, id, signal).then(
    () => true,
    (error: unknown) => {
      if (isNotFound(error)) return false;
      throw error;
    },
  );
  // A virtual device is an object of its own, which nobody is asked for any more once it is deactivated.
  const left = kind === "MfaDevice" && VIRTUAL_DEVICE.test(id);
  if (left) await calls.credentials.deleteVirtualMfaDevice(id, signal).catch(unlessNotFound);
  if (!removed) throw nothingThere();
};

const VIRTUAL_DEVICE = /^arn:[\w-]+:iam::\d{12}:mfa\//;

const isSwitchable = (kind: string): kind is SwitchableKind => KINDS[kind as HangingKind].switchable;

/** An access key has no prefix; other ids may hold slashes of their own. */
const partsOf = (id: string): readonly [kind: string, id: string] => {
  const at = id.indexOf("/");
  return at < 0 ? ["AccessKey", id] : [id.slice(0, at), id.slice(at + 1)];
};
