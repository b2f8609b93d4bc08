import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { applyManifests } from "../stack/manifests.ts";
import type { ProcessKubelet } from "../stack/process-kubelet.ts";
import { startProcessKubelet } from "../stack/process-kubelet.ts";
import type { Stack } from "../stack/stack.ts";
import { startStack } from "../stack/stack.ts";
import type { Toolchain } from "../stack/toolchain.ts";
import { root } from "./paths.ts";

/** One local stack with a kubelet, the CRDs and the operator's program; lanes share it. */
export interface World {
  readonly stack: Stack;
  readonly kubelet: ProcessKubelet;
  /** The operator as one file. */
  readonly bundle: string;
  stop(): Promise<void>;
}

export interface WorldOptions {
  readonly say?: (line: string) => void;
  /** The operator's bundle, when there is one already (mutants bring their own). */
  readonly bundle?: string | undefined;
  readonly tools?: Toolchain;
  /** As StackOptions.audit. */
  readonly audit?: boolean;
  /** Folder of other CRDs than this checkout's, relative to it. */
  readonly crds?: string;
}

/** Starts the stack, and bundles the operator meanwhile. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { say = () => undefined, tools, audit = false } = options;
  const stack = await startStack({ say, audit, ...(tools === undefined ? {} : { tools }) });
  try {
    const bundle = options.bundle ?? join(stack.dir, "operator", "keyturn.mjs");
    const bundled = options.bundle === undefined ? bundleOperator(bundle) : Promise.resolve();
    const kubelet = await startProcessKubelet(stack);
    const { refused } = await applyManifests(stack.kubernetes.client, join(root, options.crds ?? "crds"));
    if (refused.length > 0) throw new Error(`the API server refused CRDs:\n${refused.join("\n")}`);
    await bundled;
    return { stack, kubelet, bundle, stop: () => stack.stop() };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** One file of JavaScript, as the image has it. */
export async function bundleOperator(outfile: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, "scripts/bundle.ts"), "--outfile", outfile], { cwd: root });
}
