import type { Mark } from "../../../domain/inventory/mark.ts";
import type { CallContext } from "../../contract.ts";
import type { VaultConnection } from "../connection.ts";
import { entityTarget } from "./account.ts";
import { VAULT_MARKS } from "./marks.ts";

/** Entities under the connection's prefix, or those of some namespaces, that carry an owner mark, whosever it is. Changes nothing. */
export const markedEntities = async (
  connection: VaultConnection,
  context: CallContext,
  namespaces: readonly string[],
): Promise<readonly Mark[]> => {
  const { config } = connection;
  const all = `${config.identities.namePrefix}.`;
  const watched = new Set(namespaces);
  // A namespace has no dots: it is the segment behind the prefix.
  const isWatched = (name: string): boolean => {
    const end = name.indexOf(".", all.length);
    return watched.size === 0 || (end !== -1 && watched.has(name.slice(all.length, end)));
  };
  const names = await connection.use((session) => session.identity.listEntities(all, context.signal), context);
  const marks: Mark[] = [];
  for (const name of names.filter(isWatched)) {
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
