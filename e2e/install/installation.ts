import { join } from "node:path";
import { imageStart } from "../lane/image.ts";
import { bundleOperator } from "../lane/world.ts";
import { root } from "../lane/paths.ts";
import type { Image } from "../stack/kubelet/sandbox.ts";
import { startProcessKubelet } from "../stack/process-kubelet.ts";
import type { ProcessKubelet } from "../stack/process-kubelet.ts";
import type { Stack } from "../stack/stack.ts";
import { startStack } from "../stack/stack.ts";
import { ensureProgram } from "../stack/toolchain.ts";
import { ended, output } from "./commands.ts";
import type { Ended } from "./commands.ts";

export const NAMESPACE = "keyturn-system";
export const CHART = join(root, "charts/keyturn");

/** A cluster with nothing of ours in it, the tools of those who install, and a node that runs the image's bundle. */
export interface Installation {
  readonly stack: Stack;
  readonly kubelet: ProcessKubelet;
  readonly helm: (...args: readonly string[]) => Promise<string>;
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** kubectl, however it ends. */
  readonly tryKubectl: (args: readonly string[], input?: string) => Promise<Ended>;
  /** Applies manifests from text as `kubectl apply` does. */
  readonly apply: (text: string) => Promise<string>;
  stop(): Promise<void>;
}

/** As the Dockerfile says it: the same files at the same places, and the same entrypoint. */
export const imageOf = (bundle: string): Image => {
  const { nodeArgs, env } = imageStart();
  return {
    files: { "/app/node": process.execPath, "/app/keyturn.mjs": bundle },
    entrypoint: ["/app/node", ...nodeArgs, "/app/keyturn.mjs"],
    env: (port) => ({ ...env, KEYTURN_PROBE_ADDRESS: `127.0.0.1:${port}` }),
  };
};

export async function startInstallation(say: (line: string) => void): Promise<Installation> {
  const helmFile = await ensureProgram("helm", say);
  const stack = await startStack({ say });
  try {
    const bundle = join(stack.dir, "operator", "keyturn.mjs");
    await bundleOperator(bundle);
    const kubelet = await startProcessKubelet(stack, { images: { keyturn: imageOf(bundle) } });
    const env = { KUBECONFIG: stack.kubernetes.adminKubeconfig, HOME: join(stack.dir, "home") };
    const { kubectl } = stack.tools;
    return {
      stack,
      kubelet,
      helm: (...args) => output(helmFile, args, { env }),
      kubectl: (...args) => output(kubectl, args, { env }),
      tryKubectl: (args, input) => ended(kubectl, args, { env, ...(input === undefined ? {} : { input }) }),
      apply: (text) => output(kubectl, ["apply", "--server-side", "-f", "-"], { env, input: text }),
      stop: () => stack.stop(),
    };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}
