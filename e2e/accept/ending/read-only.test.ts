import { deepEqual } from "node:assert/strict";
import type { Call, ServerKind } from "../../stack/fault-proxy.ts";
import { classify } from "../../stack/fault-proxy.ts";
import { changesOutside } from "./read-only.ts";

const call = (server: ServerKind, method: string, path: string, body = ""): Call => ({
  ...classify(server, method, path, body),
  ...{ n: 1, server, path, ordinal: 1, occurrence: 1, at: 0, status: 200 },
});
const own = "/apis/keyturn.dev/v1alpha1/namespaces/a";

describe("the count of changes under read-only", () => {
  it("leaves out reads, status, events, the Lease, questions and the operator's own login", () => {
    const calls = [
      call("kubernetes", "GET", `${own}/secretrotations/b`),
      call("kubernetes", "PUT", `${own}/secretrotations/b/status`),
      call("kubernetes", "POST", "/apis/events.k8s.io/v1/namespaces/a/events"),
      call("kubernetes", "PATCH", "/apis/coordination.k8s.io/v1/namespaces/a/leases/keyturn"),
      call("kubernetes", "POST", `${own}/serviceaccountlifecycles?dryRun=All`),
      call("kubernetes", "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
      call("vault", "POST", "/v1/auth/jwt/login"),
      call("vault", "GET", "/v1/identity/entity/name/b"),
      call("aws", "POST", "/", "Action=ListAccessKeys"),
    ];
    deepEqual(changesOutside(calls), []);
  });

  it("has finalizers, claims, ledger entries, deliveries, everything at providers, and logins of others", () => {
    const calls = [
      call("kubernetes", "PATCH", `${own}/secretrotations/b`),
      call("kubernetes", "POST", "/api/v1/namespaces/a/configmaps"),
      call("kubernetes", "POST", "/apis/keyturn.dev/v1alpha1/orphanedcredentials"),
      call("kubernetes", "PUT", "/api/v1/namespaces/a/secrets/b"),
      call("vault", "POST", "/v1/identity/entity/name/b"),
      call("vault", "POST", "/v1/auth/approle/login"),
      call("aws", "POST", "/", "Action=PutUserPolicy"),
    ];
    deepEqual(changesOutside(calls), calls);
  });
});
