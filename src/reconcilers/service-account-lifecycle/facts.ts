import { CONNECTION_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { ConnectionFacts } from "../../domain/lifecycle/pieces/index.ts";
import { partitionOf } from "../../domain/lifecycle/pieces/aws.ts";
import { OperatorError } from "../../kernel/errors.ts";

/** The parts of a connection that pieces follow from, with every default filled in. Throws InvalidSpec for one that is no address. */
export const factsOf = ({ metadata, spec }: ProviderConnection): ConnectionFacts => {
  const { aws, vault } = spec;
  if (aws !== undefined) {
    const issuer = aws.webIdentity?.issuer;
    return {
      kind: "aws",
      accountId: aws.accountId,
      pathPrefix: aws.pathPrefix ?? CONNECTION_DEFAULTS.awsPathPrefix,
      partition: partitionOf(aws.region),
      ...(issuer === undefined ? {} : { issuer }),
    };
  }
  if (vault === undefined) return { kind: "kubernetes" };
  return {
    kind: "vault",
    host: hostOf(metadata.name, vault.address),
    namePrefix: vault.identities?.namePrefix ?? CONNECTION_DEFAULTS.vaultNamePrefix,
    appRoleMount: vault.identities?.appRoleMount ?? CONNECTION_DEFAULTS.appRoleMount,
    jwtMount: vault.identities?.jwtMount ?? CONNECTION_DEFAULTS.workloadJwtMount,
    ...(vault.namespace === undefined ? {} : { vaultNamespace: vault.namespace }),
  };
};

const hostOf = (connection: string, address: string): string => {
  if (URL.canParse(address)) return new URL(address).host;
  throw new OperatorError("InvalidSpec", {
    publicMessage: `ProviderConnection ${connection} has a spec.vault.address that is no URL.`,
  });
};
