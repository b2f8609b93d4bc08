import { canonicalJson, hashName } from "../../kernel/ids.ts";

/** The same for the file and for what the server gives back. */
export const schemaDigest = (schema: unknown): string => hashName(canonicalJson(schema ?? {}));
