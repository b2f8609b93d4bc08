import { argocd } from "./argocd.ts";
import { chart } from "./chart.ts";
import { docs } from "./docs.ts";
import { health } from "./health.ts";
import type { InstallPart } from "./part.ts";
import { prometheus } from "./prometheus.ts";
import { rbac } from "./rbac.ts";
import { upgradeInPlacePart } from "./upgrade/in-place/part.ts";
import { upgrade } from "./upgrade/part.ts";

/** In the order in which they are run. */
export const parts: readonly InstallPart[] = [
  chart,
  rbac,
  health,
  argocd,
  prometheus,
  docs,
  upgrade,
  upgradeInPlacePart,
];

/** Those that `--part NAME` means: the one of that name, and every part of it (`upgrade` has `upgrade/in-place`). */
export const partsOf = (name: string | undefined): readonly InstallPart[] =>
  parts.filter((part) => name === undefined || part.name === name || part.name.startsWith(`${name}/`));
