import { deepStrictEqual, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const KINDS: Readonly<Record<string, string>> = {
  ...{ deployment: "Deployment", deployments: "Deployment", deploy: "Deployment" },
  ...{ statefulset: "StatefulSet", statefulsets: "StatefulSet", sts: "StatefulSet" },
  ...{ daemonset: "DaemonSet", daemonsets: "DaemonSet", ds: "DaemonSet" },
};
/** A workload kind and the operator's name in one command: `deployment/keyturn`, `sts -n keyturn-system keyturn`. */
const NAMED = new RegExp(
  `\\b(${Object.keys(KINDS).join("|")})(?:\\.apps)?(?:/|(?:\\s+-\\S+(?:[ =][\\w-]+)?)*\\s+)keyturn(?![\\w-])`,
  "gi",
);

/** What tells a reader a command: pages, the notes of the chart, and the descriptions of alerts. */
const texts = (): readonly string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT, encoding: "utf8" })
    .split("\n")
    .filter((path) => /\.(md|txt|yaml|json|ts)$/.test(path) && !/\.test\.ts$|^package-lock/.test(path))
    .filter((path) => existsSync(join(ROOT, path)));

const kindsNamed = (text: string): readonly (string | undefined)[] =>
  [...text.matchAll(NAMED)].map(([, kind = ""]) => KINDS[kind.toLowerCase()]);

describe("commands about the operator's workload", () => {
  const shipped = ["config/manager/statefulset.yaml", "charts/keyturn/templates/statefulset.yaml"].map(
    (path) => /^kind: (\w+)\nmetadata:\n {2}name: keyturn$/m.exec(read(path))?.[1],
  );

  it("name the kind that the manifests and the chart have", () => {
    const [kind] = shipped;
    deepStrictEqual(shipped, [kind, kind]);
    let named = 0;
    for (const path of texts()) {
      for (const found of kindsNamed(read(path))) {
        named += 1;
        deepStrictEqual([path, found], [path, kind]);
      }
    }
    ok(named > 5, `${named} commands`);
  });

  it("are recognised in the ways that kubectl takes them", () => {
    for (const command of [
      "kubectl scale deployment -n keyturn-system keyturn --replicas=0",
      "kubectl -n keyturn-system rollout restart deploy/keyturn",
      "kubectl scale --replicas=0 deployment keyturn",
      "kubectl logs deployment.apps/keyturn",
      "kubectl get Deployment --namespace=keyturn-system keyturn",
    ])
      deepStrictEqual(kindsNamed(command), ["Deployment"], command);
    deepStrictEqual(kindsNamed("a Deployment with the volume claim keyturn-audit"), []);
    deepStrictEqual(kindsNamed("kubectl get deployments -n keyturn-system"), []);
  });
});
