import type { Inventory, InventoriedIdentity } from "../domain/inventory/inventory.ts";
import { age, columns, plain } from "./columns.ts";
import type { Form } from "./commands.ts";
import { printed } from "./print.ts";

export type OutputForm = Form;

/** What is printed for an inventory. JSON and YAML are the inventory itself, for scripts. */
export const inventoryText = (inventory: Inventory, form: OutputForm): string =>
  printed(inventory, form, (wide) => sections(inventory, wide).join("\n"));

const sections = (inventory: Inventory, wide: boolean): readonly string[] => [
  `IDENTITIES (${inventory.identities.length})\n${identities(inventory.identities, wide)}`,
  ...(inventory.identities.length === 0 ? [] : [`BY OWNER, ENVIRONMENT AND STATE\n${byOwner(inventory)}`]),
  `MARKED AS OURS, WITHOUT A RESOURCE (${inventory.unowned.length})\n${unowned(inventory)}`,
  `CREDENTIALS OF MANAGED USERS THAT NO ROTATION KNOWS (${inventory.unknownCredentials.length})\n${unknown(inventory)}`,
  ...(inventory.unreached.length === 0
    ? []
    : [`COULD NOT LOOK (${inventory.unreached.length})\n${unreached(inventory)}`]),
];

const NARROW = [
  "NAMESPACE",
  "NAME",
  "OWNER",
  "ENVIRONMENT",
  "STATE",
  "ACCOUNTS",
  "OLDEST KEY",
  "EXPIRES",
  "REVIEW DUE",
];
const WIDE = [...NARROW, "READY", "KEYS", "CONTACT", "TARGETS", "PURPOSE"];

const identities = (all: readonly InventoriedIdentity[], wide: boolean): string =>
  all.length === 0
    ? NONE
    : columns(
        wide ? WIDE : NARROW,
        all.map((identity) => [...narrow(identity), ...(wide ? extra(identity) : [])]),
      );

const narrow = (identity: InventoriedIdentity): readonly string[] => [
  identity.namespace,
  identity.name,
  identity.team,
  identity.environment ?? "-",
  identity.state,
  identity.accounts.map(({ name, state }) => (state === "Active" ? name : `${name}(${state})`)).join(","),
  identity.oldestCredentialAgeSeconds === undefined ? "-" : age(identity.oldestCredentialAgeSeconds),
  identity.expiresAt ?? "-",
  identity.reviewDueAt ?? "-",
];

const extra = ({ ready, credentials, contact, accounts, purpose }: InventoriedIdentity): readonly string[] => [
  ready,
  credentials === undefined ? "-" : String(credentials),
  contact,
  accounts.map(({ target }) => target ?? "-").join(","),
  purpose,
];

const byOwner = ({ totals }: Inventory): string =>
  columns(
    ["OWNER", "ENVIRONMENT", "STATE", "COUNT", "OLDEST KEY SINCE", "NEXT EXPIRY", "REVIEWS DUE"],
    totals.map(({ team, environment, state, count, oldestCredentialAt, nextExpiryAt, reviewsDue }) => [
      team,
      environment === "" ? "-" : environment,
      state,
      String(count),
      oldestCredentialAt ?? "-",
      nextExpiryAt ?? "-",
      String(reviewsDue),
    ]),
  );

const unowned = (inventory: Inventory): string =>
  inventory.unowned.length === 0
    ? NONE
    : columns(
        ["CONNECTION", "KIND", "ID", "OWNER MARK", "WHY"],
        inventory.unowned.map(({ connection, kind, id, owner, because }) => [
          connection,
          kind,
          id,
          owner,
          because === "NoResource" ? "no such resource" : "the resource of this name is another one",
        ]),
      );

const unknown = (inventory: Inventory): string =>
  inventory.unknownCredentials.length === 0
    ? NONE
    : columns(
        ["NAMESPACE", "NAME", "CONNECTION", "USER", "ID", "CREATED", "ENABLED"],
        inventory.unknownCredentials.map(({ namespace, name, connection, userName, id, createdAt, enabled }) => [
          namespace,
          name,
          connection,
          userName,
          id,
          createdAt,
          String(enabled),
        ]),
      );

const unreached = (inventory: Inventory): string =>
  inventory.unreached.map(({ place, reason }) => `${plain(place)}: ${plain(reason)}\n`).join("");

const NONE = "none\n";
