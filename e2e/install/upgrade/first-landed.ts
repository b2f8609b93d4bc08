import { join } from "node:path";
import { bundleOf, sourceOf } from "./baseline.ts";

/** The commit of the first landed chart; its CRDs are kept beside (e2e/upgrade/baseline). */
export const firstLanded = "e487550";
export const firstCrds = `e2e/upgrade/baseline/${firstLanded}`;

/** Bundles the operator of that commit. */
export async function bundleFirstLanded(folder: string): Promise<string> {
  return bundleOf(await sourceOf(firstLanded, join(folder, "source")), join(folder, "keyturn.mjs"));
}
