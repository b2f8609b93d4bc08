import type { OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { Account, ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import { shortened } from "../cluster/remembered.ts";
import { accountIn } from "../domain/lifecycle/holders.ts";
import type { AccountRecord } from "../domain/lifecycle/record.ts";
import { kindOf, type SourceKind } from "../domain/rotation/source.ts";
import { canonicalJson } from "../kernel/ids.ts";
import { without } from "../kernel/without.ts";

/** What the caches keep of our own kinds: names, states and connections. Passes read all the rest live. */

/** Policy documents and the last known good spec are left to live reads; an account's place and connection stay. */
export const rememberedIdentity = (identity: ServiceAccountLifecycle): ServiceAccountLifecycle => {
  const { spec, status } = identity;
  return {
    ...identity,
    spec: { ...spec, accounts: spec.accounts.map(shortAccount) },
    ...(status === undefined ? {} : { status: { ...without(status, "lastKnownGood"), ...shortRecords(status) } }),
  };
};

export const rememberedEntry = (entry: OrphanedCredential): OrphanedCredential => {
  const { spec, status } = entry;
  return {
    ...entry,
    spec: { ...spec, ...shortRecords(spec) },
    ...(status === undefined ? {} : { status: { ...status, ...shortRecords(status) } }),
  };
};

/** `isWhole`: passes for sources of this kind go by the cache, and so need everything. */
export const rememberedRotation = (
  rotation: SecretRotation,
  isWhole: (kind: SourceKind) => boolean,
): SecretRotation => {
  const { spec, status } = rotation;
  if (isWhole(kindOf(spec.source))) return rotation;
  return {
    ...rotation,
    spec: {
      ...spec,
      source: shortened(spec.source) as typeof spec.source,
      deliver: spec.deliver.map((place) => shortened(place) as typeof place),
    },
    ...(status === undefined ? {} : { status: without(status, "lastKnownGood") }),
  };
};

const shortAccount = (account: Account): Account => shortened(account) as Account;

/** A record's declaration still says whose credentials a rotation may hold. */
const shortRecords = ({
  accounts,
}: {
  readonly accounts?: readonly AccountRecord[] | undefined;
}): { readonly accounts?: readonly AccountRecord[] } =>
  accounts === undefined
    ? {}
    : {
        accounts: accounts.map((record) => {
          const declared = accountIn(record.declaration);
          const declaration = declared === undefined ? "" : canonicalJson(shortAccount(declared));
          return { ...record, declaration, pieces: [] };
        }),
      };
