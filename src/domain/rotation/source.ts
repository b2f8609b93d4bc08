import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";

/** Who holds the credentials, resolved: which kind of source, through which connection, and the holder behind it. Never secret. */
export type SourceTarget = { readonly kind: "awsAccessKey"; readonly connection: string; readonly userName: string };

export type SourceKind = SourceTarget["kind"];

/** What a source's credentials and calls are called: in events and messages, in the audit trail, and in metrics. */
export interface SourceWords {
  /** Label of metrics. */
  readonly provider: string;
  /** Begins a sentence: "Access key". */
  readonly credential: string;
  readonly holder: string;
  /** Who says how many credentials a holder may have. */
  readonly authority: string;
  /** What to do when the holder does not exist. */
  readonly makeHolder: string;
  /** Actions of the audit trail, as the provider calls them. */
  readonly issue: string;
  readonly mark: string;
  readonly enable: string;
  readonly revoke: string;
  /** Field of the material that is the credential's id, where there is one. */
  readonly idField?: string;
}

const WORDS: Readonly<Record<SourceKind, SourceWords>> = {
  awsAccessKey: {
    provider: "aws",
    credential: "Access key",
    holder: "IAM user",
    authority: "AWS",
    makeHolder: "create it with the owner tag first",
    issue: "aws:CreateAccessKey",
    mark: "aws:TagUser",
    enable: "aws:UpdateAccessKey",
    revoke: "aws:DeleteAccessKey",
    idField: "accessKeyId",
  },
};

export const wordsOf = (kind: SourceKind): SourceWords => WORDS[kind];

/** The holder's own name, for people. */
export const holderOf = (target: SourceTarget): string => target.userName;

/** Claims of sources begin with one of these; the others are of places. */
const CLAIM_PREFIX: Readonly<Record<SourceKind, string>> = { awsAccessKey: "aws-access-key" };

/** The claim of a target: one in the whole cluster for each holder. `account`: which of the provider's accounts it lies in. */
export const claimOf = (target: SourceTarget, account: string): string =>
  `${CLAIM_PREFIX[target.kind]}/${account}/${holderOf(target)}`;

export const isSourceClaim = (claim: string): boolean =>
  Object.values(CLAIM_PREFIX).some((prefix) => claim.startsWith(`${prefix}/`));

/** As a claim's snapshot and the ledger keep it: the shape of spec.source, without what can be looked up. */
export interface FrozenSource {
  readonly awsAccessKey?: { readonly connectionRef: { readonly name: string }; readonly userName: string };
}

export const frozen = (target: SourceTarget): FrozenSource => ({
  awsAccessKey: { connectionRef: { name: target.connection }, userName: target.userName },
});

/** Undefined for what this version does not know. */
export const thawed = ({ awsAccessKey }: FrozenSource): SourceTarget | undefined =>
  awsAccessKey === undefined
    ? undefined
    : { kind: "awsAccessKey", connection: awsAccessKey.connectionRef.name, userName: awsAccessKey.userName };

/** Names of the connections that a spec's source goes through by itself; an account's connection is the identity's. */
export const connectionNamed = (source: SecretRotationSpec["source"]): string | undefined =>
  source.awsAccessKey?.connectionRef?.name;
