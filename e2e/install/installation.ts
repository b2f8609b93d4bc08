import { readFile } from "node:fs/promises";
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
export const imageOf = (bundle: string, dockerfile?: string): Image => {
  const { nodeArgs, env } = imageStart(dockerfile);
  return {
    files: { "/app/node": process.execPath, "/app/keyturn.mjs": bundle },
    entrypoint: ["/app/node", ...nodeArgs, "/app/keyturn.mjs"],
    env: ({ first, named: { metrics } }) => ({
      ...env,
      KEYTURN_PROBE_ADDRESS: `127.0.0.1:${first}`,
      ...(metrics === undefined ? {} : { KEYTURN_METRICS_ADDRESS: `127.0.0.1:${metrics}` }),
    }),
  };
};

/** What the node has besides the image `keyturn` of this checkout, by name; `folder` goes with the stack. */
export type MoreImages = (folder: string) => Promise<Readonly<Record<string, Image>>>;

const noMore: MoreImages = () => Promise.resolve({});

export async function startInstallation(
  say: (line: string) => void,
  moreImages: MoreImages = noMore,
): Promise<Installation> {
  const helmFile = await ensureProgram("helm", say);
  const stack = await startStack({ say });
  try {
    const bundle = join(stack.dir, "operator", "keyturn.mjs");
    await bundleOperator(bundle);
    const images = { keyturn: imageOf(bundle), ...(await moreImages(join(stack.dir, "images"))) };
    const kubelet = await startProcessKubelet(stack, { images });
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

/** Resolves when the operator's pods are ready; the error has what they and their log say. */
export async function rolledOut({ kubectl, stack }: Installation): Promise<void> {
  await kubectl("-n", NAMESPACE, "rollout", "status", "statefulset/keyturn", "--timeout=90s").catch(
    async (error: unknown) => {
      const pods = await kubectl("-n", NAMESPACE, "describe", "pods").catch(String);
      const log = await readFile(join(stack.logs, "pods", `${NAMESPACE}_keyturn-0_keyturn.log`), "utf8").catch(
        () => "",
      );
      throw new Error(`${String(error)}\n${pods.slice(-3000)}\n${log.slice(-3000)}`);
    },
  );
}
