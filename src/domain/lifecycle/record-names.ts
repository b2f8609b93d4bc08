/** Accounts that a failure is about: `lake`, `lake,secrets` or `lake/inlinePolicy/x`. */
export const namesIn = (about: string | undefined): readonly string[] =>
  ((about ?? "").split("/")[0] ?? "").split(",").filter((name) => name !== "");

/** A ServiceAccount is cut by taking its bindings away. */
export const isServiceAccount = (target: string): boolean => target.startsWith("kubernetes-service-account/");
