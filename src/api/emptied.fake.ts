import type { SampleObject } from "../../scripts/samples.ts";

type Spec = Readonly<Record<string, unknown>>;

const object = (kind: string, name: string, spec: Spec): SampleObject => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind,
  metadata: { name, namespace: "default" },
  spec,
});

const OWNED = {
  owner: { team: "payments", contact: "payments-oncall@example.com" },
  purpose: "Exports invoices to the data lake",
};
const CLUSTER = { name: "cluster", kubernetes: {} };
const POLICY = "arn:aws:iam::123456789012:policy/lake-writer";
const aws = (member: Spec): Spec => ({
  ...OWNED,
  accounts: [CLUSTER, { name: "lake", aws: { connectionRef: { name: "aws-prod" }, ...member } }],
});
const identity = (name: string, full: Spec, emptied: Spec): readonly [string, SampleObject, SampleObject] => [
  name,
  object("ServiceAccountLifecycle", "emptied", full),
  object("ServiceAccountLifecycle", "emptied", emptied),
];

const KEY = { awsAccessKey: { connectionRef: { name: "aws-prod" }, userName: "billing-exporter" } };
const SECRET = { name: "app", kubernetesSecret: { name: "billing" } };
const rotation = (name: string, full: Spec, emptied: Spec): readonly [string, SampleObject, SampleObject] => {
  const whole = { source: KEY, deliver: [SECRET], dependents: [] };
  return [
    name,
    object("SecretRotation", "emptied", { ...whole, ...full }),
    object("SecretRotation", "emptied", { ...whole, ...emptied }),
  ];
};
const inSecret = (member: Spec): Spec => ({
  deliver: [{ ...SECRET, kubernetesSecret: { ...SECRET.kubernetesSecret, ...member } }],
});
const inVault = (keys: Spec): Spec => ({
  deliver: [{ name: "kv", vaultKV: { connectionRef: { name: "vault" }, path: "billing/aws", keys } }],
});
const made = (member: Spec): Spec => ({
  source: { generated: { connectionRef: { name: "hook" }, target: "billing", ...member } },
});

/** Of every object of a spec that may be empty: its name, an object in which it holds something, and the same one with `{}` there. */
export const EMPTIED: readonly (readonly [string, SampleObject, SampleObject])[] = [
  identity(
    "accounts[].kubernetes",
    { ...OWNED, accounts: [{ name: "cluster", kubernetes: { roles: [{ kind: "Role", name: "reader" }] } }] },
    { ...OWNED, accounts: [CLUSTER] },
  ),
  identity("accounts[].aws.user", aws({ user: { policies: [POLICY] } }), aws({ user: {} })),
  identity("accounts[].aws.role", aws({ role: { policies: [POLICY] } }), aws({ role: {} })),
  identity(
    "deletion of an identity",
    { ...OWNED, accounts: [CLUSTER], deletion: { policy: "Disable" } },
    { ...OWNED, accounts: [CLUSTER], deletion: {} },
  ),
  rotation("verify", { verify: { soak: "1m" } }, { verify: {} }),
  rotation("retire", { retire: { overlap: "2h" } }, { retire: {} }),
  rotation("deletion of a rotation", { deletion: { policy: "Disable" } }, { deletion: {} }),
  rotation("rollback", { rollback: { mode: "None" } }, { rollback: {} }),
  rotation("kubernetesSecret.labels", inSecret({ labels: { app: "billing" } }), inSecret({ labels: {} })),
  rotation("kubernetesSecret.annotations", inSecret({ annotations: { note: "x" } }), inSecret({ annotations: {} })),
  rotation("kubernetesSecret.keys", inSecret({ keys: { accessKeyId: "id" } }), inSecret({ keys: {} })),
  rotation("vaultKV.keys", inVault({ accessKeyId: "id" }), inVault({})),
  rotation("generated.password", made({ password: { length: 20 } }), made({ password: {} })),
  rotation("generated.token", made({ token: { bytes: 20 } }), made({ token: {} })),
  rotation("generated.sshKey", made({ sshKey: { algorithm: "RSA-4096" } }), made({ sshKey: {} })),
];
