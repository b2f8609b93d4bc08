import type { Mark } from "../../../domain/inventory/mark.ts";
import type { CallContext } from "../../contract.ts";
import type { VaultConnection } from "../connection.ts";
import { entityTarget } from "./account.ts";
import { VAULT_MARKS } from "./marks.ts";

/** Entities under the connection's prefix, or one namespace's of them, that carry an owner mark, whosever it is. Changes nothing. */
export const markedEntities = async (
  connection: VaultConnection,
  context: CallContext,
  namespace?: string,
): Promise<readonly Mark[]> => {
  const { config } = connection;
  const prefix = `${config.identities.namePrefix}.${namespace === undefined ? "" : `${namespace}.`}`;
  const names = await connection.use((session) => session.identity.listEntities(context.signal), context);
  const marks: Mark[] = [];
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const entity = await connection.use((session) => session.identity.readEntity(name, context.signal), context);
    const owner = entity?.metadata[VAULT_MARKS.owner];
    if (owner === undefined) continue;
    const ownerUid = entity?.metadata[VAULT_MARKS.ownerUid];
    marks.push({
      kind: "VaultEntity",
      id: entityTarget(config, name),
      owner,
      ...(ownerUid === undefined ? {} : { ownerUid }),
    });
  }
  return marks;
};
