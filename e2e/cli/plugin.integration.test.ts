import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { installAdmission } from "../stack/admission.ts";
import { applyManifests } from "../stack/manifests.ts";
import { startStack, type Stack } from "../stack/stack.ts";

const ROOT = join(import.meta.dirname, "../..");
const API = "/apis/keyturn.dev/v1alpha1";
const NAMESPACE = "payments";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Finding {
  readonly id: string;
  readonly result: string;
  readonly why?: string;
  readonly next?: string;
}

/** The bundled plugin as kubectl would run it, and the operator's own commands, against a real kube-apiserver. */
describe("kubectl keyturn on a real control plane", function () {
  this.timeout(120_000);
  let stack: Stack;
  let folder: string;

  before(async function () {
    this.timeout(3_600_000);
    folder = await mkdtemp(join(tmpdir(), "keyturn-cli-"));
    await promisify(execFile)(
      process.execPath,
      ["scripts/bundle.ts", "--parts", "--outfile", join(folder, "keyturn.mjs")],
      {
        cwd: ROOT,
      },
    );
    stack = await startStack();
    const kube = stack.kubernetes.client;
    await applyManifests(kube, join(ROOT, "crds"));
    for (const name of ["keyturn-system", NAMESPACE]) await kube.create("/api/v1/namespaces", { metadata: { name } });
  });
  after(async () => {
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (program: string, args: readonly string[], input = ""): Promise<Ran> =>
    new Promise((resolve) => {
      const env = { PATH: process.env["PATH"] ?? "", KUBECONFIG: stack.kubernetes.adminKubeconfig };
      const child = execFile(
        process.execPath,
        [join(folder, program), ...args],
        { env, cwd: folder },
        (error, out, err) => {
          resolve({ code: error === null ? 0 : Number(error.code), out, err });
        },
      );
      child.stdin?.end(input);
    });
  const plugin = (...args: string[]): Promise<Ran> => run("kubectl-keyturn", args);
  const operator = (...args: string[]): Promise<Ran> => run("keyturn.mjs", args);
  const doctor = async (...args: string[]): Promise<{ readonly code: number; readonly found: readonly Finding[] }> => {
    const { code, out, err } = await plugin("doctor", "-o", "json", ...args);
    ok(out !== "", err);
    return { code, found: JSON.parse(out) as Finding[] };
  };
  const resultOf = (found: readonly Finding[], id: string): string | undefined =>
    found.find((one) => one.id === id)?.result;

  const identity = (name: string, labels: Record<string, string> = {}) => ({
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { name, labels },
    spec: {
      owner: { team: NAMESPACE, contact: "payments@example.com" },
      purpose: "Exports invoices",
      accounts: [{ name: "cluster", kubernetes: {} }],
    },
  });
  const identities = `${API}/namespaces/${NAMESPACE}/serviceaccountlifecycles`;

  it("tells what an installation lacks, with why and what to do, and ends with 1", async () => {
    const { code, found } = await doctor();
    equal(code, 1);
    equal(resultOf(found, "api/version"), "ok");
    for (const kind of ["secretrotations", "serviceaccountlifecycles", "providerconnections", "orphanedcredentials"])
      equal(resultOf(found, `crds/${kind}.keyturn.dev`), "ok", kind);
    equal(resultOf(found, "policies/keyturn-bind"), "fail");
    equal(resultOf(found, "policies/in-force"), "fail");
    equal(resultOf(found, "rights"), "fail");
    equal(resultOf(found, "lease"), "fail");
    deepEqual(
      found.filter(({ result, next }) => result !== "ok" && next === undefined),
      [],
    );
  });

  it("finds policies, rights and a leader once they are there", async () => {
    const kube = stack.kubernetes.client;
    await applyManifests(kube, join(ROOT, "config/rbac"));
    await installAdmission(kube, { operatorNamespace: "keyturn-system" });
    await kube.create("/apis/coordination.k8s.io/v1/namespaces/keyturn-system/leases", {
      metadata: { name: "keyturn" },
      spec: {
        holderIdentity: "pod-1",
        leaseDurationSeconds: 3600,
        renewTime: new Date().toISOString().replace("Z", "000Z"),
      },
    });
    const { code, found } = await doctor();
    deepEqual(
      found.filter(({ result }) => result !== "ok").map(({ id }) => id),
      ["audit"],
      JSON.stringify(found, null, 1),
    );
    equal(code, 0);
  });

  it("tells a CRD that is not the one of this version", async () => {
    const kube = stack.kubernetes.client;
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/orphanedcredentials.keyturn.dev";
    const crd = await kube.get<{
      metadata: { name: string };
      spec: { versions: { schema: { openAPIV3Schema: { description?: string } } }[] };
    }>(path);
    const was = crd.spec.versions[0]!.schema.openAPIV3Schema.description;
    crd.spec.versions[0]!.schema.openAPIV3Schema.description = "of another version";
    await kube.mergePatch(path, { spec: { versions: crd.spec.versions } });
    const { code, found } = await doctor("--strict");
    equal(resultOf(found, "crds/orphanedcredentials.keyturn.dev"), "warn");
    equal(code, 1);
    crd.spec.versions[0]!.schema.openAPIV3Schema.description = was!;
    await kube.mergePatch(path, { spec: { versions: crd.spec.versions } });
  });

  it("makes a hold and ends it, and never changes one", async () => {
    const kube = stack.kubernetes.client;
    const held = `${NAMESPACE}/billing`;
    const made = await plugin("hold", held, "--reason", "leak", "--compromised", "--target", "lake:AwsUser:billing");
    equal(made.code, 0, made.err);
    const path = `${API}/identityholds/${NAMESPACE}.billing`;
    deepEqual((await kube.get(path))["spec"], {
      namespace: NAMESPACE,
      name: "billing",
      targets: [{ connectionRef: { name: "lake" }, kind: "AwsUser", name: "billing" }],
      reason: "leak",
      compromised: true,
    });
    equal((await plugin("hold", held, "--reason", "another")).code, 1);
    equal((await plugin("hold", `${NAMESPACE}/*`, "--reason", "leak")).code, 0);
    equal((await plugin("hold", "Not-A-Namespace/x", "--reason", "leak")).code, 1);
    equal((await plugin("unhold", held)).code, 0);
    equal(await kube.find(path), undefined);
    equal((await plugin("unhold", NAMESPACE)).code, 0);
    equal((await plugin("unhold", held)).code, 1);
  });

  it("decides about all that the limit holds back of a namespace, once its number is given, and about nothing else", async () => {
    const kube = stack.kubernetes.client;
    const path = `${API}/orphanedcredentials`;
    const entry = (name: string, namespace: string, held = "LimitReached") =>
      kube.create(path, {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "OrphanedCredential",
        metadata: { name },
        spec: {
          origin: { kind: "ServiceAccountLifecycle", namespace, name: `of-${name}`, uid: name },
          target: `service-account-lifecycle/${namespace}/of-${name}`,
          held,
          policy: "Delete",
          recordedAt: "2026-01-01T12:00:00Z",
          holdSeconds: 3600,
          accounts: [{ name: "cluster", target: `kubernetes/${name}`, declaration: "{}", state: "Active", pieces: [] }],
        },
      });
    const names = ["sal-o1", "sal-o2", "sal-o3"];
    for (const name of names) await entry(name, NAMESPACE);
    await entry("sal-elsewhere", "elsewhere");
    await entry("sal-waits", NAMESPACE, "UntilEnd");
    const marks = async (): Promise<Record<string, unknown>> => {
      const found: Record<string, unknown> = {};
      for (const name of [...names, "sal-elsewhere", "sal-waits", "sal-later"]) {
        const object = await kube.get(`${path}/${name}`).catch(() => undefined);
        if (object?.metadata.annotations !== undefined) found[name] = object.metadata.annotations;
      }
      return found;
    };
    const overflow = (word: string, input: string): Promise<Ran> =>
      run("kubectl-keyturn", ["overflow", word, "-n", NAMESPACE], input);

    const wrong = await overflow("keep", "2\n");
    equal(wrong.code, 1, wrong.err);
    match(wrong.out, /sal-o1.*\n.*sal-o2.*\n.*sal-o3.*\nThese 3 of namespace payments .*nothing was changed/);
    equal((await overflow("end", "")).code, 1);
    deepEqual(await marks(), {});

    const kept = await overflow("keep", "3\n");
    equal(kept.code, 0, kept.out + kept.err);
    deepEqual(await marks(), Object.fromEntries(names.map((name) => [name, { "keyturn.dev/keep": "true" }])));
    await entry("sal-later", NAMESPACE);
    match((await overflow("keep", "1\n")).out, /sal-later/);

    const ended = await overflow("end", "4\n");
    equal(ended.code, 0, ended.out + ended.err);
    const both = { "keyturn.dev/keep": "true", "keyturn.dev/release": "true" };
    deepEqual(await marks(), Object.fromEntries([...names, "sal-later"].map((name) => [name, both])));
    match((await overflow("end", "0\n")).out, /holds back nothing/);
    for (const name of [...names, "sal-elsewhere", "sal-waits", "sal-later"]) await kube.delete(`${path}/${name}`);
  });

  it("shows what is stuck, and what to do", async () => {
    const kube = stack.kubernetes.client;
    await kube.create(identities, identity("billing"));
    await kube.mergePatch(`${identities}/billing/status`, {
      status: {
        state: "Pending",
        conditions: [
          {
            type: "Stalled",
            status: "True",
            reason: "AlreadyExists",
            message: "ServiceAccount payments/billing is there already.",
            lastTransitionTime: "2026-01-01T00:00:00Z",
          },
        ],
      },
    });
    const { code, found } = await doctor();
    const stuck = found.find(({ id }) => id === `stuck/ServiceAccountLifecycle/${NAMESPACE}/billing/Stalled`);
    equal(stuck?.result, "fail");
    match(stuck.next ?? "", /adopt/);
    equal(code, 1);
    const status = await plugin("status", "-n", NAMESPACE);
    equal(status.code, 1);
    match(status.out, /^ServiceAccountLifecycle +payments +billing +Unknown +- +Stalled/m);
    match((await plugin("status", "sal/billing", "-n", NAMESPACE)).out, /^do: /m);
    for (const form of ["json", "yaml", "wide"]) match((await plugin("status", "-A", "-o", form)).out, /billing/, form);
  });

  it("suspends and resumes an identity, and refuses where Git owns it, until it is forced", async () => {
    const kube = stack.kubernetes.client;
    const state = async (name: string): Promise<unknown> =>
      ((await kube.get(`${identities}/${name}`)) as unknown as { spec: { state?: string } }).spec.state;
    const done = await plugin("suspend", "billing", "-n", NAMESPACE);
    equal(done.code, 0, done.err);
    equal(await state("billing"), "Suspended");
    equal((await plugin("resume", "billing", "-n", NAMESPACE)).code, 0);
    equal(await state("billing"), "Active");

    await kube.create(identities, identity("from-git", { "argocd.argoproj.io/instance": "payments" }));
    const refused = await plugin("suspend", "from-git", "-n", NAMESPACE);
    equal(refused.code, 1);
    match(refused.out, /argocd\.argoproj\.io\/instance shows that Git owns/);
    equal(await state("from-git"), undefined);
    equal((await plugin("suspend", "from-git", "--force", "-n", NAMESPACE)).code, 0);
    equal(await state("from-git"), "Suspended");
  });

  it("sets annotations for pause, retry and rotate, and takes pause off again", async () => {
    const kube = stack.kubernetes.client;
    await kube.create(`${API}/namespaces/${NAMESPACE}/secretrotations`, {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "SecretRotation",
      metadata: { name: "lake" },
      spec: {
        source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "lake" } },
        deliver: [{ name: "app", kubernetesSecret: { name: "lake-key" } }],
        dependents: [],
      },
    });
    const annotations = async () =>
      (await kube.get(`${API}/namespaces/${NAMESPACE}/secretrotations/lake`)).metadata.annotations ?? {};
    for (const args of [
      ["pause", "srot/lake"],
      ["retry", "srot/lake"],
      ["rotate", "lake", "--at", "2027-01-31T04:00:00Z"],
    ]) {
      const { code, err } = await plugin(...args, "-n", NAMESPACE);
      equal(code, 0, err);
    }
    const set = await annotations();
    equal(set["keyturn.dev/paused"], "true");
    equal(set["keyturn.dev/rotate-at"], "2027-01-31T04:00:00Z");
    ok(set["keyturn.dev/retry"] !== undefined);
    equal((await plugin("unpause", "srot/lake", "-n", NAMESPACE)).code, 0);
    equal((await annotations())["keyturn.dev/paused"], undefined);
    match((await plugin("plan", "srot/lake", "-n", NAMESPACE)).out, /No rotation is due/);
  });

  it("ends with 2 for wrong use, 1 for what is not there and 3 where it cannot look", async () => {
    equal((await plugin("rotate", "lake", "--at", "tomorrow")).code, 2);
    equal((await plugin("status", "-o", "xml")).code, 2);
    equal((await plugin("nonsense")).code, 2);
    equal((await plugin("rotate", "nobody", "-n", NAMESPACE)).code, 1);
    const blind = await plugin("doctor", "--kubeconfig", join(folder, "nowhere"));
    equal(blind.code, 2, blind.out + blind.err);
  });

  it("takes an inventory", async () => {
    const { out, err } = await plugin("inventory", "-o", "yaml");
    match(out, /name: billing/, err);
  });

  it("writes a bundle that tar reads, without what the cluster keeps secret", async () => {
    const kube = stack.kubernetes.client;
    const secret = "tH1s-1s-4-pl4nted-s3cret-value";
    await kube.create("/api/v1/namespaces/keyturn-system/secrets", {
      metadata: { name: "planted" },
      stringData: { value: secret },
    });
    await kube.mergePatch(`${identities}/billing`, { metadata: { annotations: { "example.com/note": secret } } });
    const { code, out, err } = await operator("support-bundle", "-f", "out.tar.gz");
    equal(code, 0, err);
    match(out, /doctor\.json/);
    const listed = await promisify(execFile)("tar", ["-tzf", "out.tar.gz"], { cwd: folder });
    ok(listed.stdout.split("\n").includes("keyturn-support/resources/serviceaccountlifecycles.json"), listed.stdout);
    const whole = gunzipSync(await readFile(join(folder, "out.tar.gz"))).toString("utf8");
    ok(whole.includes('"billing"'));
    for (const form of [secret, Buffer.from(secret).toString("base64"), encodeURIComponent(secret)])
      ok(!whole.includes(form), form);
  });

  it("completes commands and flags in the words of kubectl", async () => {
    match((await plugin("__complete", "sus")).out, /^suspend\n:4\n$/);
    const bash = await plugin("completion", "bash");
    await promisify(execFile)("bash", ["-n", "-c", bash.out]);
  });
});
