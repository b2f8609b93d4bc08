import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { httpClient } from "../../e2e/stack/http.ts";
import { startStack, type Stack } from "../../e2e/stack/stack.ts";
import type { SecretRotationStatus } from "./v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycleStatus } from "./v1alpha1/service-account-lifecycle.ts";
import { EMPTIED } from "./emptied.fake.ts";
import { readCrds, readSamples, type Crd, type SampleObject } from "../../scripts/samples.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

describe("CRDs on a real API server", function () {
  this.timeout(120_000);
  let stack: Stack;
  let http: ReturnType<typeof httpClient>;
  let crds: readonly Crd[];

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    http = httpClient(stack.kubernetes.url, stack.ca.pem);
    crds = await readCrds();
    for (const crd of crds) await stack.kubernetes.client.apply(`${DEFINITIONS}/${crd.metadata.name}`, crd);
    for (const crd of crds) await served(crd);
  });
  after(async () => {
    await stack.stop();
  });

  const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

  const call = (method: string, path: string, body?: object, type = "application/json"): Promise<Answer> =>
    http.call({
      method,
      path,
      headers: {
        authorization: `Bearer ${stack.kubernetes.adminToken}`,
        accept: "application/json",
        "content-type": type,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  const served = async (crd: Crd): Promise<void> => {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const answer = await call("GET", `/apis/keyturn.dev/v1alpha1/${crd.spec.names.plural}`);
      if (answer.status === 200) return;
      await pause(100);
    }
    throw new Error(`${crd.metadata.name} is not served`);
  };

  const pathOf = ({ kind, metadata }: SampleObject): string => {
    const crd = crds.find(({ spec }) => spec.names.kind === kind);
    ok(crd !== undefined, `no CRD for ${kind}`);
    const place = crd.spec.scope === "Cluster" ? "" : `namespaces/${metadata.namespace ?? "default"}/`;
    return `/apis/keyturn.dev/v1alpha1/${place}${crd.spec.names.plural}/${metadata.name}`;
  };

  const apply = (object: SampleObject, dryRun: boolean): Promise<Answer> =>
    call(
      "PATCH",
      `${pathOf(object)}?fieldManager=samples${dryRun ? "&dryRun=All" : ""}`,
      object,
      "application/apply-patch+yaml",
    );

  it("accept every valid sample and give its spec back as it was sent", async () => {
    for (const { file, objects } of await readSamples("valid")) {
      for (const object of objects) {
        const answer = await apply(object, true);
        ok(answer.status === 200 || answer.status === 201, `${file}: ${answer.body}`);
        deepStrictEqual((JSON.parse(answer.body) as SampleObject).spec, object.spec, file);
      }
    }
  });

  it("refuse every invalid sample with a message that names the field", async () => {
    const samples = await readSamples("invalid");
    ok(samples.length > 700);
    for (const { file, objects, refused, rule } of samples.filter(({ objects: { length } }) => length === 1)) {
      const answer = await apply(objects[0]!, true);
      expectRefusal(file, answer, refused, rule);
    }
  });

  it("refuse every forbidden change with a message that names the field", async () => {
    const samples = (await readSamples("invalid")).filter(({ objects }) => objects.length === 2);
    ok(samples.length >= 18);
    for (const { file, objects, refused, rule } of samples) {
      const [before, then] = [objects[0]!, objects[1]!];
      const first = await apply(before, false);
      strictEqual(first.status, 201, `${file}: ${first.body}`);
      const live = JSON.parse(first.body) as SampleObject;
      const answer = await call("PUT", `${pathOf(then)}?dryRun=All`, { ...live, spec: then.spec });
      expectRefusal(file, answer, refused, rule);
      strictEqual((await call("DELETE", pathOf(before))).status, 200, file);
    }
  });

  describe("take an object that is emptied", () => {
    const kubectl = async (object: SampleObject): Promise<void> => {
      const folder = await mkdtemp(join(tmpdir(), "keyturn-empty-"));
      try {
        const file = join(folder, "object.json");
        await writeFile(file, JSON.stringify(object));
        const env = { ...process.env, KUBECONFIG: stack.kubernetes.adminKubeconfig };
        await promisify(execFile)(stack.tools.kubectl, ["apply", "-f", file], { env });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    };
    /** Null is an empty object, as src/cluster/empty-objects.ts has it. */
    const seen = async (object: SampleObject): Promise<unknown> => {
      const { status, body } = await call("GET", pathOf(object));
      strictEqual(status, 200, body);
      const read = JSON.parse(body, (_key, value: unknown) => (value === null ? {} : value)) as SampleObject;
      return read.spec;
    };

    for (const [what, full, emptied] of EMPTIED) {
      it(`${what}, by server-side apply`, async () => {
        const first = await apply(full, false);
        strictEqual(first.status, 201, first.body);
        const second = await apply(emptied, false);
        strictEqual(second.status, 200, second.body);
        deepStrictEqual(await seen(emptied), emptied.spec);
        strictEqual((await call("DELETE", pathOf(full))).status, 200);
      });

      it(`${what}, by kubectl apply from the client`, async () => {
        await kubectl(full);
        await kubectl(emptied);
        deepStrictEqual(await seen(emptied), emptied.spec);
        strictEqual((await call("DELETE", pathOf(full))).status, 200);
      });
    }
  });

  for (const [file, status] of [
    ["rotation-minimal.yaml", () => FULL_STATUS],
    ["identity-minimal.yaml", () => FULL_IDENTITY_STATUS],
  ] as const)
    it(`keep every member of a full status (${file})`, async () => {
      const [sample] = (await readSamples("valid")).filter((one) => one.file === file);
      const object = sample!.objects[0]!;
      const created = JSON.parse((await apply(object, false)).body) as SampleObject;
      const answer = await call("PUT", `${pathOf(object)}/status`, { ...created, status: status() });
      strictEqual(answer.status, 200, answer.body);
      deepStrictEqual((JSON.parse(answer.body) as { status: unknown }).status, status());
      strictEqual((await call("DELETE", pathOf(object))).status, 200);
    });

  it("show the columns that answer what people ask", async () => {
    for (const [plural, columns] of [
      ["secretrotations", ["Name", "Ready", "Activity", "Version", "Key Age", "Next Rotation", "Age"]],
      [
        "serviceaccountlifecycles",
        ["Name", "Ready", "State", "Activity", "Owner", "Environment", "Expires", "Oldest Key", "Age"],
      ],
    ] as const) {
      const answer = await http.call({
        method: "GET",
        path: `/apis/keyturn.dev/v1alpha1/${plural}`,
        headers: {
          authorization: `Bearer ${stack.kubernetes.adminToken}`,
          accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
        },
      });
      const table = JSON.parse(answer.body) as { columnDefinitions: { name: string; priority: number }[] };
      deepStrictEqual(
        table.columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name),
        columns,
      );
    }
  });
});

const AT = "2026-01-01T00:00:00Z";
const CREDENTIAL = {
  version: "7-kmnpqr",
  id: "AKIAEXAMPLE",
  issuedAt: AT,
  verifiedAt: AT,
  publishedAt: AT,
  resuming: true,
};
const FAILURES = {
  count: 3,
  reason: "Throttled",
  message: "The provider asks to wait.",
  since: AT,
  nextAttemptTime: AT,
};
const INTENT = { id: "r7", version: "7-kmnpqr", openedAt: AT, providerTime: AT, knownIds: ["AKIAOLDER"] };

/** Required<…> so that a member added to the schema has to be added here. */
const FULL_STATUS: Required<SecretRotationStatus> = {
  observedGeneration: 2,
  conditions: [
    {
      type: "Ready",
      status: "True",
      reason: "Available",
      message: "It is.",
      lastTransitionTime: AT,
      observedGeneration: 2,
    },
  ],
  sequence: 7,
  current: CREDENTIAL,
  rotation: {
    ...INTENT,
    trigger: "Scheduled",
    issuer: "keyturn-0/abc",
    attempt: 1,
    direction: "Back",
    because: "DependentTimedOut",
    credential: { id: "AKIANEW", issuedAt: AT },
    previousKept: "Kept",
    verification: {
      successes: 3,
      firstSuccessAt: AT,
      refusals: 1,
      lastTryAt: AT,
      firstRefusalAt: AT,
      wrongRefused: true,
      verifiedAt: AT,
    },
    publishedAt: AT,
    previous: CREDENTIAL,
    dependents: [{ name: "exporter", startedAt: AT, doneAt: AT, graceSeconds: 30 }],
  },
  closedIntents: [{ ...INTENT, closedAt: AT, result: "Succeeded" }],
  pendingRevocations: [
    {
      version: "6-abc",
      id: "AKIAOLD",
      why: "Superseded",
      since: AT,
      graceSeconds: 30,
      overlapSeconds: 86400,
      disabledAt: AT,
      deletedAt: AT,
    },
  ],
  deliveries: [
    {
      name: "app",
      version: "7-kmnpqr",
      target: "secret/default/app",
      digest: "ab",
      place: { kubernetesSecret: { name: "app", keys: { accessKeyId: "ID" } } },
    },
    {
      name: "kv",
      version: "7-kmnpqr",
      target: "kv/vault/app",
      digest: "ab",
      place: { vaultKV: { connectionRef: { name: "vault" }, path: "app", keys: { accessKeyId: "ID" } } },
    },
    {
      name: "saas",
      version: "7-kmnpqr",
      target: "hook/rotator.example/keyturn/default/app",
      digest: "ab",
      place: { hook: { connectionRef: { name: "rotator" }, place: "app" } },
    },
  ],
  lastKnownGood: { generation: 1, specHash: "ab", spec: "{}" },
  quarantine: { specHash: "cd", connectionGeneration: 1, generation: 2, reason: "NotFound", message: "No such user." },
  failures: FAILURES,
  refusedLogins: [{ id: "r1", at: AT, by: "operator-1", about: "7-abc", spent: true }],
  revocationFailures: FAILURES,
  lastRotationTime: AT,
  nextRotationTime: AT,
  nextRotationReason: "Every",
  lastHandledRotateAt: AT,
  lastHandledLeak: "7-abc",
  replacedAt: ["2026-01-01T12:00:00Z"],
  lastHandledRetry: "2",
  history: [{ version: "5-abc", id: "AKIAOLDEST", issuedAt: AT, endedAt: AT, end: "Revoked", proof: "ProvenByLogin" }],
  activity: "Idle",
  predecessors: ["6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10"],
  target: { connection: "aws-prod", userName: "reports", claim: "aws-access-key/123456789012/reports" },
  identityUid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10",
  holds: ["suspected-leak"],
  suspension: { reason: "IdentitySuspended", since: AT, resumedAt: AT, refused: true },
  adoptedPlaces: ["secret/default/app"],
  rewrittenGeneration: 2,
};

const CONDITIONS = FULL_STATUS.conditions;

const FULL_IDENTITY_STATUS: Required<ServiceAccountLifecycleStatus> = {
  observedGeneration: 3,
  permittedUntil: AT,
  holds: ["suspected-leak"],
  endBeneath: "Suspended",
  permittedReturn: 3,
  rules: ["RetainByPermission"],
  exchangeSince: AT,
  triedAdditions: ["+ lake: managed policy reports (widens)"],
  conditions: CONDITIONS,
  state: "Active",
  activity: "Idle",
  plan: {
    generation: 3,
    digest: "ab",
    lines: ["+ ServiceAccount default/reports", "~ owner", "- group exporters"],
    omitted: 1,
  },
  accounts: [
    {
      name: "cluster",
      target: "kubernetes-service-account/default/reports",
      declaration: "{}",
      externalId: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10",
      pieces: ["principal", "owner", "binding/Role/reader"],
      state: "Leaving",
      enabledCredentials: ["AKIAEXAMPLE"],
      adopted: true,
      foundPieces: ["principal"],
      cutAt: AT,
      provenAt: AT,
      proof: "ProvenByReview",
      heldUntil: AT,
      cutWays: ["Boundary"],
      former: [{ key: "boundary", value: '"arn:aws:iam::123456789012:policy/former"' }],
      closedAt: AT,
    },
  ],
  requesters: [{ privilege: "binding/Role/reader", username: "alice", uid: "1", groups: ["payments"], generation: 2 }],
  ownerRecord: { team: "reporting", contact: "reporting@example.com", environment: "production" },
  moves: [{ field: "team", from: "payments", to: "reporting", time: AT, by: "alice" }],
  lastKnownGood: { generation: 2, specHash: "ab", spec: "{}" },
  quarantine: {
    specHash: "cd",
    connectionGeneration: 1,
    generation: 3,
    reason: "NotFound",
    message: "No such policy.",
  },
  rewrittenGeneration: 3,
  narrowed: "ab",
  removalsSince: { generation: 3, time: FAILURES.since },
  failures: { ...FAILURES, about: "lake/group/exporters" },
  leaveFailures: { ...FAILURES, about: "lake" },
  drift: ["lake: group exporters is missing"],
  inventory: { credentials: 2, oldestCredentialTime: AT, unknownCredentials: ["AKIAUNKNOWN"] },
  review: { lastTime: AT, dueTime: AT },
  lastHandledRetry: "2",
  predecessors: ["6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10"],
};

const expectRefusal = (file: string, answer: Answer, refused: string | undefined, rule: string | undefined): void => {
  // Server-side apply answers 500 where an object does not fit the type, before validation; it is refused all the same.
  const misfit = answer.status === 500 && answer.body.includes("failed to create typed patch object");
  ok(misfit || (answer.status >= 400 && answer.status < 500), `${file}: ${answer.status} ${answer.body.slice(0, 500)}`);
  const { message = "" } = JSON.parse(answer.body) as { message?: string };
  ok(refused !== undefined && message.includes(refused), `${file}: ${message.slice(0, 500)}`);
  const celMessage = rule?.split(" cel ")[1];
  ok(celMessage === undefined || message.includes(celMessage), `${file}: ${message.slice(0, 500)}`);
};
