/** A program that the project runs in tests: which version, how it is known, how it is built. */
export interface Program {
  readonly name: string;
  readonly version: string;
  /** Folder in the cache: programs of one release lie together. */
  readonly folder: string;
  /** Arguments that make it say its version, and what it must then say. */
  readonly versionArgs: readonly string[];
  readonly says: RegExp;
  /** Wrapper module under toolchain/, package and flags of the Go build; `about` is said beforehand. */
  readonly module: string;
  readonly package: string;
  readonly flags: readonly string[];
  readonly about: string;
  /** A folder of a Go module that lies beside the program when it is built, under its own last name. */
  readonly beside?: { readonly module: string; readonly folder: string };
}

const kubernetes = "1.36.3";
const kubernetesFlags = [
  "-ldflags",
  `-s -w -X k8s.io/component-base/version.gitVersion=v${kubernetes} -X k8s.io/client-go/pkg/version.gitVersion=v${kubernetes}`,
];
const kubernetesProgram = (name: string, about: string, versionArgs = ["--version"]): Program => ({
  name,
  version: `v${kubernetes}`,
  folder: `kubernetes-v${kubernetes}`,
  versionArgs,
  says: /\bv1\.36\.3$/m,
  module: "kubernetes",
  package: `k8s.io/kubernetes/cmd/${name}`,
  flags: kubernetesFlags,
  about,
});

const helmKubernetes = kubernetes.split(".").slice(0, 2);

/**
 * Every program that can be asked for. A new one needs an entry here, a wrapper module in its folder of toolchain/ and, when its
 * publisher has releases, an entry in releases.ts; it is made when somebody first asks for it (`ensureProgram`).
 */
export const programs = {
  etcd: {
    name: "etcd",
    version: "v3.6.7",
    folder: "etcd-v3.6.7",
    versionArgs: ["--version"],
    says: /^etcd Version: 3\.6\.7$/m,
    module: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    flags: [],
    about: "about a minute",
  },
  kubeApiserver: kubernetesProgram("kube-apiserver", "4 to 8 minutes"),
  kubeControllerManager: kubernetesProgram("kube-controller-manager", "1 to 3 minutes"),
  kubectl: kubernetesProgram("kubectl", "about a minute", ["version", "--client"]),
  vault: {
    name: "vault",
    version: "v1.21.1",
    folder: "vault-v1.21.1",
    versionArgs: ["version"],
    says: /^Vault v1\.21\.1\b(?![-+])/m,
    module: "vault",
    package: "github.com/hashicorp/vault",
    flags: ["-tags", "minimal", "-ldflags", "-s -w"],
    about: "4 to 7 minutes",
  },
  /** Part of a full build of Vault; made when a stack first needs a database. */
  vaultPostgres: {
    name: "postgresql-database-plugin",
    version: "v1.21.1",
    folder: "vault-postgres-v1.21.1",
    versionArgs: [],
    says: /^never in PATH$/m,
    module: "vault",
    package: "github.com/hashicorp/vault/plugins/database/postgresql/postgresql-database-plugin",
    flags: ["-ldflags", "-s -w"],
    about: "some seconds after Vault itself",
  },
  // Only `accept -- install` needs the ones from here on.
  helm: {
    name: "helm",
    version: "v3.22.0",
    folder: "helm-v3.22.0",
    versionArgs: ["version", "--short"],
    says: /^v3\.22\.0\b/m,
    module: "helm",
    package: "helm.sh/helm/v3/cmd/helm",
    // As its own release is built: what it takes a cluster for when it has none.
    flags: [
      "-ldflags",
      [
        "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0",
        ...["lint/rules", "chartutil"].flatMap((folder) => [
          `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMajor=${helmKubernetes[0] ?? ""}`,
          `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMinor=${helmKubernetes[1] ?? ""}`,
        ]),
      ].join(" "),
    ],
    about: "about two minutes",
  },
  /** Its controllers and repo server, unchanged, in one program of three (`argocd/main.go`); with the CRDs of that version. */
  argocd: {
    name: "argocd-parts",
    version: "v3.2.11",
    folder: "argocd-v3.2.11-1",
    versionArgs: [],
    says: /^never in PATH$/m,
    module: "argocd",
    package: ".",
    flags: ["-ldflags", "-s -w -X github.com/argoproj/argo-cd/v3/common.version=3.2.11"],
    about: "4 to 8 minutes",
    beside: { module: "github.com/argoproj/argo-cd/v3", folder: "manifests/crds" },
  },
  /** Ours: what Argo CD's Lua and kstatus make of a resource. The number rises with every change of its source. */
  judge: {
    name: "keyturn-judge",
    version: "1",
    folder: "judge-1",
    versionArgs: [],
    says: /^never in PATH$/m,
    module: "judge",
    package: ".",
    flags: ["-ldflags", "-s -w"],
    about: "half a minute",
  },
} as const satisfies Record<string, Program>;

export type ProgramKey = keyof typeof programs;

/** What every run of the local stack needs; the rest is made only when it is asked for. */
export const stackPrograms = [
  "etcd",
  "kubeApiserver",
  "kubeControllerManager",
  "kubectl",
  "vault",
] as const satisfies readonly ProgramKey[];
