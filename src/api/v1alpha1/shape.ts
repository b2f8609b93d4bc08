/** What this version knows of a value: which fields and words may stand in it. `any`: plain, nothing to know. */
export type Shape =
  | "any"
  | { readonly fields: Readonly<Record<string, Shape>> }
  | { readonly items: Shape }
  | { readonly members: Shape }
  | { readonly words: readonly string[] };

export type KnownKind =
  "SecretRotation" | "ServiceAccountLifecycle" | "ProviderConnection" | "OrphanedCredential" | "IdentityHold";

export type KnownFields = Readonly<Record<KnownKind, { readonly spec: Shape; readonly status: Shape }>>;
