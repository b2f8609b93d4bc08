import { deepEqual, equal, match } from "node:assert/strict";
import type { Thing } from "../../../lane/outside.ts";
import type { PodFace, View } from "./view.ts";
import { changesBetween, viewAtRest } from "./view.ts";

const cut = [["keyturn-cut", { Version: "2012-10-17", Statement: [{ Effect: "Deny", Action: "*", Resource: "*" }] }]];
const thing = (key: string, id: string, shape: unknown, version = ""): Thing => ({ key, id, version, shape });
const user = (keys: string, more: object = {}): Thing =>
  thing("payments/aws/user/app", `AIDA,${keys}`, { attached: ["arn:lake"], inline: [], groups: ["staff"], ...more });

const things: readonly Thing[] = [
  user("AKIA1 Active,AKIA2 Inactive"),
  thing("payments/vault/approle/app", "accessor-1,accessor-2", { roleId: "r" }),
  thing("payments/vault/entity/app", "e-1", { disabled: false, policies: ["read"] }),
  thing("payments/vault/kv/app", "", ["accessKeyId"], "3"),
  thing("payments/kubernetes/RoleBinding/app", "u-1", { roleRef: { name: "reader" } }),
  thing("payments/kubernetes/Secret/app", "u-2", { data: { key: "digest" }, labels: {} }),
  thing("payments/workload/Deployment/app", "u-3", { metadata: { annotations: {} } }),
];
const view = (replaced: readonly Thing[] = [], pods: readonly (readonly [string, PodFace])[] = standing): View => ({
  things: new Map([...things, ...replaced].map((one) => [one.key, one])),
  pods: new Map(pods),
});
const standing: readonly (readonly [string, PodFace])[] = [["payments/pod/app-1", { uid: "p-1", restarts: 0 }]];
const without = (key: string): View => {
  const whole = view();
  return { ...whole, things: new Map([...whole.things].filter(([one]) => one !== key)) };
};

const counts = (after: View) => {
  const { restarts, revocations, reissues, changed } = changesBetween(view(), after);
  return [restarts.length, revocations.length, reissues.length, changed.length];
};

/** Each fault that an upgrade could do, and that each count of the observer would see it. */
describe("what an upgrade has changed outside", () => {
  it("is nothing where nothing has changed", () => {
    deepEqual(counts(view()), [0, 0, 0, 0]);
  });

  it("is a restart where a pod is another one, has restarted, is gone or is new", () => {
    deepEqual(counts(view([], [["payments/pod/app-1", { uid: "p-2", restarts: 0 }]])), [1, 0, 0, 1]);
    deepEqual(counts(view([], [["payments/pod/app-1", { uid: "p-1", restarts: 1 }]])), [1, 0, 0, 1]);
    deepEqual(counts(view([], [])), [1, 0, 0, 1]);
    deepEqual(counts(view([], [...standing, ["payments/pod/app-2", { uid: "p-2", restarts: 0 }]])), [1, 0, 0, 1]);
  });

  it("is a restart where a pod template has changed, although no pod has moved yet", () => {
    const template = { metadata: { annotations: { "rotation.keyturn.dev/app": "2-x" } } };
    deepEqual(counts(view([thing("payments/workload/Deployment/app", "u-3", template)])), [1, 0, 0, 1]);
  });

  it("is a revocation where a key is off or gone", () => {
    deepEqual(counts(view([user("AKIA1 Inactive,AKIA2 Inactive")])), [0, 1, 0, 1]);
    deepEqual(counts(view([user("AKIA2 Inactive")])), [0, 1, 0, 1]);
  });

  it("is a revocation of every grant where a user is cut, and of one where one is gone", () => {
    equal(counts(view([user("AKIA1 Active,AKIA2 Inactive", { inline: cut })]))[1], 2);
    equal(counts(view([user("AKIA1 Active,AKIA2 Inactive", { groups: [] })]))[1], 1);
  });

  it("is a revocation where a secret id, a binding, a Secret or an entity's login is gone", () => {
    equal(counts(view([thing("payments/vault/approle/app", "accessor-1", { roleId: "r" })]))[1], 1);
    equal(counts(without("payments/kubernetes/RoleBinding/app"))[1], 1);
    equal(counts(without("payments/kubernetes/Secret/app"))[1], 1);
    equal(counts(view([thing("payments/vault/entity/app", "e-1", { disabled: true, policies: ["read"] })]))[1], 2);
  });

  it("is a reissue where there is one more credential, or another value in a place", () => {
    deepEqual(counts(view([user("AKIA1 Active,AKIA2 Inactive,AKIA3 Active")])), [0, 0, 1, 1]);
    const secret = thing("payments/kubernetes/Secret/app", "u-2", { data: { key: "another" }, labels: {} });
    deepEqual(counts(view([secret])), [0, 0, 1, 1]);
    deepEqual(counts(view([thing("payments/vault/kv/app", "", ["accessKeyId"], "4")])), [0, 0, 1, 1]);
  });

  it("is a change and none of these where a mark has changed", () => {
    const marked = thing("payments/kubernetes/Secret/app", "u-2", { data: { key: "digest" }, labels: { a: "b" } });
    deepEqual(counts(view([marked])), [0, 0, 0, 1]);
  });

  it("leaves out what people have changed on purpose, and nothing else", () => {
    const after = view([user("AKIA2 Inactive"), thing("payments/vault/kv/app", "", ["accessKeyId"], "4")]);
    const { revocations, changed } = changesBetween(view(), after, (key) => key.includes("/aws/user/app"));
    equal(revocations.length, 0);
    equal(changed.length, 1);
  });

  it("is waited for until two looks are the same, and told where they never are", async () => {
    const looks = [view(), view([user("AKIA1 Inactive")]), view([user("AKIA1 Inactive")])];
    const rest = await viewAtRest(() => Promise.resolve(looks.shift() ?? view()), { quietMs: 1 });
    match(rest.things.get("payments/aws/user/app")?.id ?? "", /AKIA1 Inactive/);
    let n = 0;
    const restless = viewAtRest(() => Promise.resolve(view([user(`AKIA${(n += 1)} Active`)])), {
      quietMs: 1,
      timeoutMs: 20,
    });
    match(String(await restless.catch((error: unknown) => error)), /does not come to rest[\s\S]*aws\/user\/app/);
  });
});
