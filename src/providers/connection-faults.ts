/** Codes of errors after which nothing can have happened at the server. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EADDRNOTAVAIL", "EHOSTUNREACH", "ENETUNREACH"]);

export const isNeverSent = (code: string): boolean => NEVER_SENT.has(code);

/** Node's codes for a certificate that is not trusted, or not for this server. */
export const isCertificateFault = (code: string): boolean => /CERT|SELF_SIGNED|ERR_TLS|UNABLE_TO/.test(code);

/** The code that an error of Node's or of a library carries; "" where it has none. */
export const codeOf = (thrown: unknown): string => {
  const { code } = (typeof thrown === "object" && thrown !== null ? thrown : {}) as { readonly code?: unknown };
  return typeof code === "string" ? code : "";
};
