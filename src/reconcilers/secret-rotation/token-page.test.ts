import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { PROVIDER_CONNECTION } from "../../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION, type SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { secrets, serviceAccounts } from "../../cluster/resources.ts";
import { fromBase64 } from "../../stores/kinds.ts";
import { Bench } from "../ports.fake.ts";
import { secretRotationReconciler } from "./reconciler.ts";

const ROOT = join(import.meta.dirname, "../../..");
const PAGE = "docs/how-to/give-a-token-to-an-outsider.md";
const read = (path: string): Promise<string> => readFile(join(ROOT, path), "utf8");

type Manifest = KubeObject & Readonly<Record<string, unknown>>;

/** The page's yaml blocks, each with its documents. */
const blocks = async (): Promise<readonly (readonly Readonly<Record<string, unknown>>[])[]> =>
  [...(await read(PAGE)).matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text = ""]) =>
    parseAllDocuments(text).map((document) => document.toJS() as Readonly<Record<string, unknown>>),
  );

describe("the page on tokens for outsiders", () => {
  it("has the platform set a value that the chart knows, for the namespace of its example", async () => {
    const [[values]] = (await blocks()) as [[Readonly<Record<string, readonly string[]>>]];
    const known = parse(await read("charts/keyturn/values.yaml")) as object;
    assert.deepEqual(
      Object.keys(values).filter((key) => !(key in known)),
      [],
    );
    assert.deepEqual(values["tokenNamespaces"], ["payments"]);
  });

  it("gives a token, word for word, in a cluster with the default name, and asks nobody for a mark of the operator's", async () => {
    const [, [connection], [account, rotation]] = (await blocks()) as unknown as [
      unknown,
      [Manifest],
      [Manifest, SecretRotation & Manifest],
    ];
    const { namespace = "", name } = rotation.metadata;
    assert.deepEqual(account.metadata.annotations, { "keyturn.dev/token-for": name });
    const bench = new Bench();
    const { clusterName } = parse(await read("charts/keyturn/values.yaml")) as { clusterName: string };
    bench.ports = { ...bench.ports, clusterName };
    bench.cluster.seed({ kind: PROVIDER_CONNECTION, name: connection.metadata.name }, connection);
    bench.cluster.seed({ kind: serviceAccounts, namespace, name: account.metadata.name }, account);
    const ref = { kind: SECRET_ROTATION, namespace, name };
    bench.cluster.seed(ref, { ...rotation, metadata: { ...rotation.metadata, generation: 1 } });
    const ready = () =>
      bench.cluster.peek<SecretRotation & KubeObject>(ref)?.status?.conditions?.find(({ type }) => type === "Ready");
    for (let pass = 0; pass < 60 && ready()?.status !== "True"; pass += 1) {
      const outcome = await secretRotationReconciler(bench.ports).reconcile({ namespace, name }, bench.context());
      await bench.clock.advance(Math.min(outcome.recheckAfterMs ?? 1000, 60_000));
    }
    assert.equal(ready()?.status, "True", ready()?.message);
    const [{ kubernetesSecret } = { kubernetesSecret: undefined }] = rotation.spec.deliver;
    const secret = bench.cluster.peek<KubeObject & { readonly data?: Readonly<Record<string, string>> }>({
      kind: secrets,
      namespace,
      name: kubernetesSecret?.name ?? "",
    });
    const { authenticated } = await bench.cluster.reviewToken(fromBase64(secret?.data?.["token"] ?? ""), []);
    assert.equal(authenticated, true);
  });
});
