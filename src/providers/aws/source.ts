import type { Clock } from "../../kernel/clock.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { SecretMaterial } from "../../kernel/secret-material.ts";
import type {
  CallContext,
  CredentialSource,
  IssuedCredential,
  LastUse,
  Listing,
  ProviderCapabilities,
  RefusalOutcome,
  TargetObservation,
  VerifyOutcome,
} from "../contract.ts";
import { reaching } from "../reaching.ts";
import type { AwsCalls, AwsKeys, CallerAnswer } from "./sdk.ts";

export const OWNER_TAG = "keyturn.dev/owner";
export const OWNER_UID_TAG = "keyturn.dev/owner-uid";
const ADOPT_TAG = "keyturn.dev/adopt";

/** Names of the fields that an AWS credential's material has; stores map them to the keys that a spec asks for. */
export const AWS_FIELDS = { id: "accessKeyId", secret: "secretAccessKey" } as const;

export const AWS_CAPABILITIES: ProviderCapabilities = {
  slots: 2,
  canDisable: true,
  materialShownOnce: true,
  reportsLastUse: true,
  lockout: false,
  controlCounts: false,
  leavesNothing: false,
  marks: false,
  settleMs: 90_000,
};

export interface AwsTarget {
  readonly userName: string;
  /** The path that the user's own must equal or lie under; ends with "/". */
  readonly allowedPath: string;
}

/** Runs calls with the operator's login to the right account; `account` is the account that the login was found in. */
export interface AwsAccess {
  use<T>(run: (calls: AwsCalls, account: string) => Promise<T>, context: CallContext): Promise<T>;
}

/** The access keys of one IAM user. Decides nothing and keeps nothing but the provider's clock. */
export const awsSource = (access: AwsAccess, target: AwsTarget, clock: Clock): CredentialSource => {
  const { userName } = target;
  const providerClock = followClock(clock);

  const logIn = (keys: AwsKeys, context: CallContext): Promise<{ answer: CallerAnswer; account: string }> =>
    access.use(async (calls, account) => {
      const answer = await reaching(context, "AWS STS", () => calls.callerIdentity(keys, context.signal));
      return { answer, account };
    }, context);

  const tryRefusal = async (keys: AwsKeys, context: CallContext): Promise<RefusalOutcome> => {
    const { answer } = await logIn(keys, context);
    return answer.kind === "refused" ? { kind: "refused" } : { kind: "accepted" };
  };

  return {
    capabilities: AWS_CAPABILITIES,

    async observeTarget(context): Promise<TargetObservation> {
      return access.use(async (calls) => {
        const user = await calls.getUser(userName, context.signal);
        if (user === undefined) return { exists: false, allowed: false };
        // Users elsewhere are none of this namespace's business: not even their tags are read.
        if (!user.path.startsWith(target.allowedPath)) return { exists: true, allowed: false };
        const tags = await calls.listUserTags(userName, context.signal);
        return {
          exists: true,
          allowed: true,
          owner: tags[OWNER_TAG],
          ownerUid: tags[OWNER_UID_TAG],
          ...(tags[ADOPT_TAG] === undefined ? {} : { adopt: tags[ADOPT_TAG] }),
        };
      }, context);
    },

    async markOwner({ uid, owner }, context) {
      const tags = { [OWNER_UID_TAG]: uid, ...(owner === undefined ? {} : { [OWNER_TAG]: owner }) };
      await access.use((calls) => calls.tagUser(userName, tags, context.signal), context);
    },

    async list(context): Promise<Listing> {
      const { keys, time } = await access
        .use((calls) => calls.listAccessKeys(userName, context.signal), context)
        .catch((thrown: unknown) => {
          throw isNotFound(thrown) ? noUser(userName) : thrown;
        });
      return { credentials: keys, providerTime: providerClock.heard(time) };
    },

    async lastUse(id, context): Promise<LastUse> {
      const used = await access.use((calls) => calls.accessKeyLastUsed(id, context.signal), context);
      // An answer about somebody else's key, or about none, says nothing about this one.
      if (used.userName !== userName) return { kind: "unknown" };
      if (used.at !== undefined) return { kind: "at", at: used.at };
      return used.service === "N/A" || used.service === "" ? { kind: "never" } : { kind: "unknown" };
    },

    async issue(context): Promise<IssuedCredential> {
      const key = await access.use((calls) => calls.createAccessKey(userName, context.signal), context);
      const now = providerClock.heard(key.time);
      if (!key.id || !key.secret || key.userName !== userName) {
        throw new OperatorError("Unavailable", {
          publicMessage: "AWS CreateAccessKey answered without a whole key.",
          ambiguous: true,
        });
      }
      const material = new SecretMaterial({ [AWS_FIELDS.id]: key.id, [AWS_FIELDS.secret]: key.secret });
      return { id: key.id, material, issuedAt: key.time === undefined ? (key.createdAt ?? now) : now };
    },

    async verify(material, issuedAt, context): Promise<VerifyOutcome> {
      const keys = keysOf(material);
      if (keys === undefined) return { kind: "rejected" };
      const young = (time: Date | undefined): boolean =>
        providerClock.heard(time).getTime() - issuedAt.getTime() < AWS_CAPABILITIES.settleMs;
      const refusedNow = (time: Date | undefined): VerifyOutcome =>
        young(time) ? { kind: "notYet" } : { kind: "rejected" };
      try {
        const { answer, account } = await logIn(keys, context);
        if (answer.kind === "refused") return refusedNow(answer.time);
        return isUser(answer, account, userName) ? { kind: "usable" } : { kind: "rejected" };
      } catch (error) {
        if (error instanceof OperatorError && error.code === "PermissionDenied" && error.status === 403) {
          return refusedNow(undefined);
        }
        throw error;
      }
    },

    async negativeControl(material, context): Promise<RefusalOutcome> {
      const keys = keysOf(material);
      if (keys === undefined) throw unreadable();
      return tryRefusal({ ...keys, secretAccessKey: otherOfSameShape(keys.secretAccessKey) }, context);
    },

    async proveRefused(material, context): Promise<RefusalOutcome> {
      const keys = keysOf(material);
      if (keys === undefined) throw unreadable();
      return tryRefusal(keys, context);
    },

    async setEnabled(id, enabled, context) {
      await access.use((calls) => calls.updateAccessKey(userName, id, enabled, context.signal), context);
    },

    async revoke(id, context): Promise<"removed" | "alreadyAbsent"> {
      try {
        await access.use((calls) => calls.deleteAccessKey(userName, id, context.signal), context);
        return "removed";
      } catch (error) {
        if (error instanceof OperatorError && error.code === "NotFound") return "alreadyAbsent";
        throw error;
      }
    },
  };
};

/** The provider's time: its newest word plus the monotonic time since; the local clock before the first word. */
const followClock = (clock: Clock): { heard(time: Date | undefined): Date } => {
  let last: { readonly time: number; readonly at: number } | undefined;
  return {
    heard(time) {
      if (time !== undefined) last = { time: time.getTime(), at: clock.monotonicMs() };
      return last === undefined ? clock.now() : new Date(last.time + clock.monotonicMs() - last.at);
    },
  };
};

const keysOf = (material: SecretMaterial): AwsKeys | undefined => {
  const fields = material.reveal();
  const accessKeyId = fields[AWS_FIELDS.id];
  const secretAccessKey = fields[AWS_FIELDS.secret];
  return accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey } : undefined;
};

/** `arn:aws:iam::<account>:user/<path…>/<name>`: a key that logs in as somebody else is not the one that was made. */
const isUser = (
  answer: { readonly account: string; readonly arn: string },
  account: string,
  userName: string,
): boolean => {
  const match = /^arn:aws[a-z-]*:iam::(\d{12}):user\/(?:.*\/)?([^/]+)$/.exec(answer.arn);
  return answer.account === account && match?.[1] === account && match[2] === userName;
};

/** Same length and classes of characters, different at each letter and digit: `Ab3/` becomes `Bc4/`. */
const otherOfSameShape = (secret: string): string => {
  const other = secret.replace(/[A-Za-z0-9]/g, (letter) => NEXT.get(letter) ?? letter);
  return other === secret ? `${secret}x` : other;
};

const NEXT: ReadonlyMap<string, string> = new Map(
  ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"].flatMap((ring) =>
    ring.split("").map((letter, place) => [letter, ring.charAt((place + 1) % ring.length)] as const),
  ),
);

const unreadable = (): OperatorError =>
  new OperatorError("NotFound", { publicMessage: "The credential's material is not whole: it cannot be tried." });

const isNotFound = (thrown: unknown): boolean => thrown instanceof OperatorError && thrown.code === "NotFound";

const noUser = (userName: string): OperatorError =>
  new OperatorError("NotFound", {
    publicMessage: `The IAM user ${userName} does not exist; create it with the owner tag first.`,
  });
