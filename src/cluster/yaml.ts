import { dumpYaml, loadYaml } from "@kubernetes/client-node";

/** YAML as client-node reads kubeconfigs, so that no package of our own is needed for it. Throws for what is no YAML. */
export const parseYaml = (text: string): unknown => loadYaml<unknown>(text);

/** One document, without anchors and folded lines. What JSON leaves out is left out. */
export const printYaml = (value: unknown): string =>
  dumpYaml(JSON.parse(JSON.stringify(value)), { noRefs: true, lineWidth: -1 });
