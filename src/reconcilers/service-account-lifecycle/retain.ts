import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { RetainAnswer } from "../../domain/lifecycle/retention.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { Ports } from "../ports.ts";
import { connectionNameOf, readConnection } from "./connections.ts";

/**
 * Does the platform let each of these accounts be kept when their resource is deleted with Retain and has no end? `spec.retain` of the connection
 * says so; for a ServiceAccount whose account names no connection the operator's flag does as well. Throws when that cannot be read.
 */
export const retainAnswers = async (
  scope: { readonly connections: Map<string, ProviderConnection | OperatorError> },
  accounts: readonly Account[],
  ports: Pick<Ports, "cluster" | "retainKubernetes">,
): Promise<Readonly<Record<string, RetainAnswer>>> => {
  const answers: Record<string, RetainAnswer> = {};
  for (const account of accounts) answers[account.name] = await answerFor(scope, account, ports);
  return answers;
};

const answerFor = async (
  { connections }: { readonly connections: Map<string, ProviderConnection | OperatorError> },
  account: Account,
  ports: Pick<Ports, "cluster" | "retainKubernetes">,
): Promise<RetainAnswer> => {
  const unnamed = account.kubernetes !== undefined && account.kubernetes.connectionRef === undefined;
  if (unnamed && ports.retainKubernetes) return { kind: "allowed" };
  const name = connectionNameOf(account);
  const found = connections.get(name) ?? (await readConnection(ports.cluster, name));
  connections.set(name, found);
  if (found instanceof OperatorError && found.code !== "NotFound") throw found;
  if (!(found instanceof OperatorError) && found.spec.retain === "Allowed") return { kind: "allowed" };
  const flag = unnamed ? " and the operator runs without --retain-kubernetes" : "";
  return { kind: "refused", why: `ProviderConnection ${name} does not have spec.retain Allowed${flag}` };
};
