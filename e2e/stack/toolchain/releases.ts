import type { ProgramKey } from "./programs.ts";
import { programs } from "./programs.ts";

/** One file that a program's publisher offers for download, and where its checksum stands. */
export interface Release {
  readonly url: string;
  /** A list of SHA-256 checksums (`<hex> <file>` a line), or one checksum alone. Fetched from the publisher over TLS. */
  readonly checksums: string;
  /** The program's path when the file is an archive. */
  readonly member?: string;
}

export interface Platform {
  readonly os: string;
  readonly arch: string;
}

/**
 * Digests that are demanded besides the publisher's checksum, by address. Empty: nobody has seen these files here, and a digest is
 * written down by somebody who has checked the publisher's signature, never copied from a download.
 */
export const pinnedDigests: Readonly<Record<string, string>> = {};

const thisMachine: Platform = { os: process.platform, arch: process.arch };
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The publisher's release of exactly the pinned version; undefined where there is none for this platform. */
export function releaseOf(key: ProgramKey, platform: Platform = thisMachine): Release | undefined {
  const arch = architectures[platform.arch];
  if (platform.os !== "linux" || arch === undefined) return undefined;
  const { name, version } = programs[key];
  switch (key) {
    case "kubeApiserver":
    case "kubeControllerManager":
    case "kubectl": {
      const url = `https://dl.k8s.io/${version}/bin/linux/${arch}/${name}`;
      return { url, checksums: `${url}.sha256` };
    }
    case "etcd": {
      const folder = `https://github.com/etcd-io/etcd/releases/download/${version}`;
      const file = `etcd-${version}-linux-${arch}`;
      return { url: `${folder}/${file}.tar.gz`, checksums: `${folder}/SHA256SUMS`, member: `${file}/etcd` };
    }
    case "vault": {
      const number = version.slice(1);
      const folder = `https://releases.hashicorp.com/vault/${number}`;
      return {
        url: `${folder}/vault_${number}_linux_${arch}.zip`,
        checksums: `${folder}/vault_${number}_SHA256SUMS`,
        member: "vault",
      };
    }
    // In its release it is a part of Vault itself.
    case "vaultPostgres":
    case "judge":
    // Its release is the whole of Argo CD, without the CRDs.
    case "argocd":
      return undefined;
    case "helm": {
      const url = `https://get.helm.sh/helm-${version}-linux-${arch}.tar.gz`;
      return { url, checksums: `${url}.sha256sum`, member: `linux-${arch}/helm` };
    }
  }
}
