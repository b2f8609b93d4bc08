import { deepEqual, equal, ok } from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { readCrds } from "../../scripts/samples.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import { identityCalls } from "../../src/cluster/identity-calls.ts";
import { ListWatchInformer } from "../../src/cluster/informer.ts";
import type { KubernetesClient } from "../../src/cluster/kubernetes-client.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { leftOutOf, wholeOf } from "../../src/kernel/listed.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { bindingSurvey } from "../../src/providers/kubernetes/bindings.ts";
import { rememberedIdentity } from "../../src/reconcilers/remembered.ts";
import { claimStore } from "../../src/stores/claims.ts";
import { applyOperatorRbac } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { startStack, type Stack } from "./stack.ts";

const COUNT = 65;
const CLAIMS = 500;
const NOTE = "x".repeat(256 * 1024 - 200);
const SPEC = {
  owner: { team: "payments", contact: "oncall@example.com" },
  purpose: "Exports invoices",
  accounts: [{ name: "cluster", kubernetes: { roles: [{ kind: "Role", name: "reader" }] } }],
};

/** What one tenant made before any policy bound it must not keep a first list, a survey or the sweep from anybody. */
describe("objects as large as a tenant may make them, on a real kube-apiserver", function () {
  this.timeout(120_000);
  let stack: Stack;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    const kube = stack.kubernetes.client;
    for (const crd of await readCrds())
      await kube.apply(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`, crd);
    for (const name of ["ops", "admin"]) await kube.create("/api/v1/namespaces", { metadata: { name } });
    await applyOperatorRbac(kube, "ops");
    const collection = "/apis/keyturn.dev/v1alpha1/namespaces/admin/serviceaccountlifecycles";
    for (let tries = 0; (await kube.raw("GET", collection)).status !== 200; tries += 1) {
      ok(tries < 100, "the CRD is not served");
      await pause(100);
    }
    for (let index = 0; index < COUNT; index += 1) {
      const metadata = { name: `fat-${index}`, annotations: { note: NOTE, "keyturn.dev/paused": "true" } };
      const type = { apiVersion: "keyturn.dev/v1alpha1", kind: "ServiceAccountLifecycle" };
      await kube.create(collection, { ...type, metadata, spec: SPEC });
      await kube.create("/apis/rbac.authorization.k8s.io/v1/namespaces/admin/rolebindings", {
        metadata: { name: `fat-${index}`, annotations: { note: NOTE } },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
        subjects: [{ kind: "ServiceAccount", name: "app", namespace: "admin" }],
      });
    }
  });
  after(async () => {
    await stack.stop();
  });

  const withLogin = async (run: (client: KubernetesClient) => Promise<void>): Promise<void> => {
    const client = await clusterLogin(stack);
    try {
      await run(client);
    } finally {
      await client.close();
    }
  };

  for (const start of ["first start", "restart"]) {
    it(`have a complete first list at a ${start}, of which the cache keeps neither note nor size`, async () => {
      await withLogin(async (client) => {
        const stop = new AbortController();
        const informer = new ListWatchInformer<ServiceAccountLifecycle>({
          source: client,
          kind: SERVICE_ACCOUNT_LIFECYCLE,
          keep: rememberedIdentity,
          clock: systemClock,
          log: silentLogger,
        });
        informer.start(stop.signal);
        try {
          await informer.synced(AbortSignal.timeout(60_000));
          equal(informer.list().length, COUNT);
          deepEqual(informer.leftOut(), []);
          ok(informer.list().every(({ metadata }) => metadata.annotations?.["keyturn.dev/paused"] === "true"));
          ok(JSON.stringify(informer.list()).length < COUNT * 1000);
        } finally {
          stop.abort();
        }
      });
    });
  }

  it("do not keep a survey of bindings from a leaver", async () => {
    await withLogin(async (client) => {
      const calls = identityCalls(client);
      const survey = bindingSurvey({ calls, clock: systemClock, resyncMs: 600_000, watched: [] });
      const seen = await survey.look("Leaver", 30_000);
      deepEqual(seen.notLooked, []);
      equal(seen.naming("admin", "app").length, COUNT);
    });
  });

  it("are listed whole when there are 500 claims of 32 KiB", async () => {
    await withLogin(async (client) => {
      const claims = claimStore(client, "ops");
      const owner = { kind: "SecretRotation", namespace: "admin", name: "db", uid: "u1" };
      for (let index = 0; index < CLAIMS; index += 1) {
        const made = await claims.make(`secret/admin/db-${index}`, { owner, snapshot: "x".repeat(32 * 1024) });
        equal(made.kind, "made");
      }
      const listed = await claims.list();
      deepEqual(leftOutOf(listed), []);
      equal(wholeOf("claims", listed).length, CLAIMS);
    });
  });
});
