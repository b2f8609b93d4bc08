import { randomUUID } from "node:crypto";
import type { Clock } from "../../../kernel/clock.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { SecretMaterial } from "../../../kernel/secret-material.ts";
import type {
  CallContext,
  CredentialSource,
  IssuedCredential,
  Listing,
  ObservedCredential,
  ProviderCapabilities,
  RefusalOutcome,
  TargetObservation,
  VerifyOutcome,
} from "../../contract.ts";
import { NAME_FORM, invalidField } from "../../spec.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";

/** Names of the fields that a secret id's material has. */
export const APPROLE_FIELDS = { role: "roleId", secret: "secretId" } as const;

/** Key of a secret id's metadata: the id of the rotation that made it. */
export const ROTATION_MARK = "keyturn-rotation";

export const APPROLE_CAPABILITIES: ProviderCapabilities = {
  slots: 100,
  canDisable: false,
  materialShownOnce: true,
  reportsLastUse: false,
  lockout: true,
  controlCounts: false,
  leavesNothing: false,
  marks: true,
  settleMs: 0,
};

export interface AppRoleTarget {
  readonly namespace: string;
  /** Short name: `web`, or `<identity>.<account>`. */
  readonly role: string;
}

/** The name of an AppRole in Vault: a namespace reaches its own only. */
export const appRoleName = (
  connection: Pick<VaultConnection, "config">,
  { namespace, role }: AppRoleTarget,
): string => {
  const parts = role.split(".");
  if (!NAME_FORM.test(namespace) || parts.length > 2 || !parts.every((part) => NAME_FORM.test(part)))
    throw invalidField("spec.source.vaultAppRole.role", "cannot be part of an AppRole's name");
  return `${connection.config.identities.namePrefix}.${namespace}.${role}`;
};

/**
 * Secret ids of one AppRole. Each carries the rotation that made it in its metadata, so that one whose answer was lost is found by it; what carries
 * none is somebody else's and is never touched. The id is the accessor: with it nobody can log in.
 */
export const appRoleSource = (connection: VaultConnection, target: AppRoleTarget, clock: Clock): CredentialSource => {
  const name = appRoleName(connection, target);
  const place = { mount: connection.config.identities.appRoleMount, name };
  const use = <T>(run: (session: VaultSession) => Promise<T>, context: CallContext): Promise<T> =>
    connection.use(run, context);
  const roleIdOf = async (session: VaultSession, { signal }: CallContext): Promise<string> => {
    const roleId = await session.identity.readRoleId(place, signal);
    if (roleId !== undefined) return roleId;
    throw noRole(name);
  };
  const logIn = (fields: Fields, context: CallContext): Promise<boolean> =>
    use((session) => session.appRole.logIn(place.mount, fields, context.signal), context);
  const refused = async (fields: Fields, context: CallContext): Promise<RefusalOutcome> => ({
    kind: (await logIn(fields, context)) ? "accepted" : "refused",
  });

  return {
    capabilities: APPROLE_CAPABILITIES,

    /** Vault's roles carry no marks of their own: the name says whose it is. */
    observeTarget: (context): Promise<TargetObservation> =>
      use(async (session) => {
        const found = await session.identity.readRoleId(place, context.signal);
        return { exists: found !== undefined, allowed: true, ownedByName: true };
      }, context),
    markOwner: () => Promise.resolve(),

    list: (context): Promise<Listing> =>
      use(async (session) => {
        // Vault answers as to a malformed request when the role is gone, and its secret ids with it.
        await roleIdOf(session, context);
        const accessors = await session.identity.listSecretIds(place, context.signal);
        const credentials: ObservedCredential[] = [];
        for (const accessor of accessors) {
          const seen = await session.identity.lookUpSecretId(place, accessor, context.signal);
          if (seen === undefined) continue;
          const { createdAt, expiresAt, metadata } = seen;
          credentials.push({ id: accessor, createdAt, expiresAt, enabled: true, mark: metadata[ROTATION_MARK] });
        }
        return { credentials, providerTime: clock.now() };
      }, context),

    lastUse: () => Promise.resolve({ kind: "unknown" }),

    issue: (context, rotationId): Promise<IssuedCredential> =>
      use(async (session) => {
        const roleId = await roleIdOf(session, context);
        const metadata = rotationId === undefined ? {} : { [ROTATION_MARK]: rotationId };
        const made = await session.appRole.make(place, metadata, context.signal);
        const issuedAt = clock.now();
        return {
          id: made.accessor,
          material: new SecretMaterial({ [APPROLE_FIELDS.role]: roleId, [APPROLE_FIELDS.secret]: made.secretId }),
          issuedAt,
          ...(made.ttlSeconds === 0 ? {} : { expiresAt: new Date(issuedAt.getTime() + made.ttlSeconds * 1000) }),
        };
      }, context),

    async verify(material, _issuedAt, context): Promise<VerifyOutcome> {
      const fields = fieldsOf(material);
      return { kind: fields !== undefined && (await logIn(fields, context)) ? "usable" : "rejected" };
    },

    /** With a role id that nobody has: Vault counts refusals by role id, and this one locks nobody out. */
    async negativeControl(material, context): Promise<RefusalOutcome> {
      const fields = fieldsOf(material);
      if (fields === undefined) throw notWhole();
      return refused({ ...fields, roleId: randomUUID() }, context);
    },

    async proveRefused(material, context): Promise<RefusalOutcome> {
      const fields = fieldsOf(material);
      if (fields === undefined) throw notWhole();
      return refused(fields, context);
    },

    setEnabled: () =>
      Promise.reject(
        new OperatorError("InvalidSpec", { publicMessage: "A secret id cannot be disabled, only destroyed." }),
      ),

    revoke: (id, context): Promise<"removed" | "alreadyAbsent"> =>
      use(async (session) => {
        // Vault answers as to a fault of its own when it is absent, or the role is that it died with.
        if ((await session.identity.readRoleId(place, context.signal)) === undefined) return "alreadyAbsent";
        if ((await session.identity.lookUpSecretId(place, id, context.signal)) === undefined) return "alreadyAbsent";
        await session.identity.destroySecretId(place, id, context.signal);
        return "removed";
      }, context),
  };
};

interface Fields {
  readonly roleId: string;
  readonly secretId: string;
}

const fieldsOf = (material: SecretMaterial): Fields | undefined => {
  const { roleId, secretId } = material.reveal();
  return roleId && secretId ? { roleId, secretId } : undefined;
};

const notWhole = (): OperatorError =>
  new OperatorError("NotFound", { publicMessage: "The secret id's material is not whole: it cannot be tried." });

const noRole = (name: string): OperatorError =>
  new OperatorError("NotFound", { publicMessage: `The AppRole ${name} does not exist; create it in Vault first.` });
