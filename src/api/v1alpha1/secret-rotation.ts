import type { SecretRotation } from "./generated/secret-rotation.ts";
import { GROUP, VERSION } from "./meta.ts";

export type { SecretRotation };
export type SecretRotationSpec = SecretRotation["spec"];
export type SecretRotationStatus = NonNullable<SecretRotation["status"]>;
export type Source = SecretRotationSpec["source"];
export type AwsAccessKeySource = NonNullable<Source["awsAccessKey"]>;
export type Delivery = SecretRotationSpec["deliver"][number];
export type Dependent = SecretRotationSpec["dependents"][number];

/** Where the API server serves SecretRotations. */
export const SECRET_ROTATION = {
  group: GROUP,
  version: VERSION,
  plural: "secretrotations",
  kind: "SecretRotation",
  namespaced: true,
} as const;
