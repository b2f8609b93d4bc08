import assert from "node:assert/strict";
import { differences, objectsIn } from "./manifest-diff.ts";

const service = (port: number, annotations = ""): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  namespace: n\n${annotations}spec:\n  ports: [{ port: ${port} }]\n`;

describe("two sets of manifests", () => {
  it("are the same whatever their order, their comments and what Helm writes for itself", () => {
    const role = "kind: ClusterRole\nmetadata: { name: r }\n";
    const kept = '  annotations: { "helm.sh/resource-policy": keep }\n';
    const a = objectsIn(`# a comment\n---\n${service(80, kept)}---\n${role}`);
    assert.deepEqual(differences(a, objectsIn(`${role}---\n${service(80)}`)), []);
  });

  it("differ in the field that is named, and in what only one has", () => {
    const lines = differences(
      objectsIn(service(80)),
      objectsIn(`${service(81)}---\nkind: Role\nmetadata: { name: r }\n`),
    );
    assert.deepEqual(lines, [
      'Role/r: nothing and {"kind":"Role","metadata":{"name":"r"}}',
      "Service/n/a.spec.ports.0.port: 80 and 81",
    ]);
  });
});
