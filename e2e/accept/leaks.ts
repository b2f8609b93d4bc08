import { readFile, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Ground } from "../lane/ground.ts";

/** Something that an operator has written, or that was written about it. */
export interface Output {
  readonly name: string;
  readonly text: string;
}

export interface Leak {
  readonly output: string;
  readonly form: string;
  /** Where in the text; never the value. */
  readonly at: number;
}

type Form = readonly [name: string, needle: string];

/** Copies of outputs that values are planted in. */
const mostCopies = 40;

/** The forms in which a value may be hidden in a text. */
export function formsOf(value: string): Form[] {
  const escaped = JSON.stringify(value).slice(1, -1);
  const all: Form[] = [
    ["plain", value],
    // A stretch of a long value is a leak as well.
    ...(value.length === 40 ? [["part", value.slice(0, 16)] as const, ["part", value.slice(-16)] as const] : []),
    ["url-encoded", encodeURIComponent(value)],
    ["json-escaped", escaped],
    ["json-escaped", escaped.replaceAll("/", "\\/")],
    ["json-escaped", escaped.replaceAll("/", "\\u002f").replaceAll("+", "\\u002b")],
    ["hex", Buffer.from(value).toString("hex")],
    ["hex", Buffer.from(value).toString("hex").toUpperCase()],
    // Base64 by its place in a longer text: at three offsets, without the characters that the neighbours take part in.
    ...[0, 1, 2].map((offset): Form => {
      const text = Buffer.from("x".repeat(offset) + value).toString("base64");
      return ["base64", text.slice(offset === 0 ? 0 : 4, Math.floor(((offset + value.length) * 8) / 24) * 4)];
    }),
    ["base64", Buffer.from(value).toString("base64url")],
  ];
  return all.filter(([, needle], i) => all.findIndex(([, other]) => other === needle) === i);
}

/** Every place where one of the values stands in one of the texts. Others get their turn between two texts. */
export async function findLeaks(outputs: readonly Output[], values: Iterable<string>): Promise<Leak[]> {
  const needles = [...values].flatMap(formsOf);
  const leaks: Leak[] = [];
  for (const { name, text } of outputs) {
    for (const [form, needle] of needles) {
      const at = text.indexOf(needle);
      if (at >= 0) leaks.push({ output: name, form, at });
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return leaks;
}

/**
 * Puts values into copies of outputs, each in one form at one place, and looks for them: shows that `findLeaks` would see
 * them. `random` gives numbers below 1.
 */
export async function plantLeaks(
  outputs: readonly Output[],
  values: readonly string[],
  random: () => number,
): Promise<{ planted: number; found: number }> {
  let planted = 0;
  let found = 0;
  const usable = outputs.filter(({ text }) => text.length > 0).slice(0, mostCopies);
  for (const { name, text } of usable) {
    const value = values[planted % Math.max(1, values.length)];
    if (value === undefined) break;
    for (const [form, needle] of formsOf(value)) {
      const at = Math.floor(random() * text.length);
      const copy = text.slice(0, at) + needle + text.slice(at);
      planted += 1;
      if (
        (await findLeaks([{ name, text: copy }], [value])).some((leak) => leak.form === form || leak.form === "plain")
      )
        found += 1;
    }
  }
  return { planted, found };
}

/** Logs, audit, metrics, events, statuses and all other files of a site; not the Secrets, not the kubeconfig. */
export async function gatherOutputs(site: Ground, metrics: string): Promise<Output[]> {
  const kube = site.lane.world.stack.kubernetes.client;
  const files = await readFolder(site.dir, (name) => name !== "kubeconfig");
  const lists = [site.namespace, site.operatorNamespace].flatMap((namespace) => [
    `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
    `/api/v1/namespaces/${namespace}/configmaps`,
    `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
    `/apis/apps/v1/namespaces/${namespace}/deployments`,
  ]);
  const all = [
    ...lists,
    `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/secretrotations`,
    `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/serviceaccountlifecycles`,
    "/apis/keyturn.dev/v1alpha1/providerconnections",
    "/apis/keyturn.dev/v1alpha1/orphanedcredentials",
  ];
  const objects = await Promise.all(
    all.map(async (path) => ({ name: path, text: (await kube.raw("GET", path)).body })),
  );
  return [...files, ...objects, { name: "metrics", text: metrics }];
}

/** Every file below a folder, as text. */
export async function readFolder(folder: string, wanted: (name: string) => boolean = () => true): Promise<Output[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && wanted(entry.name));
  return Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return { name: relative(folder, path), text: await readFile(path, "latin1").catch(() => "") };
    }),
  );
}
