import type { DeliveryForm } from "./contract.ts";

/** As AWS access keys are written. */
export const ACCESS_KEY_FORM: DeliveryForm = {
  fields: { accessKeyId: "accessKeyId", secretAccessKey: "secretAccessKey" },
  secretType: "Opaque",
};
