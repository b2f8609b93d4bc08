import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { AccountView, CutWay, DesiredAccount, LifecycleInput } from "./action.ts";
import type { ObservedPiece, Piece } from "./piece.ts";
import { classOfKey } from "./pieces/direction.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";
import { readLifecycleSettings, type LifecycleSettings } from "./settings.ts";

/** Small parts of which table tests build what the planner sees. */
export const at = (time: string): Date => new Date(`2026-01-01T${time}Z`);
export const text = (time: string): string => `2026-01-01T${time}Z`;

export const spec = (more: Partial<ServiceAccountLifecycleSpec> = {}): ServiceAccountLifecycleSpec => ({
  owner: { team: "payments", contact: "payments@example.com" },
  purpose: "Exports invoices",
  accounts: [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } }],
  ...more,
});

export const settings = (more: Partial<ServiceAccountLifecycleSpec> = {}): LifecycleSettings => {
  const read = readLifecycleSettings(spec(more));
  if ("field" in read) throw new Error(read.message);
  return read;
};

export const piece = (key: string, value = '"v"'): Piece => ({ key, class: classOfKey(key), value, title: key });
export const BASE: readonly Piece[] = [piece("principal"), piece("owner")];

export const account = (
  name: string,
  pieces: readonly Piece[],
  more: Partial<DesiredAccount> = {},
): DesiredAccount => ({
  name,
  target: `aws-user/1/${name}`,
  declaration: "{}",
  pieces: [...BASE, ...pieces],
  cutsByRemoval: false,
  canDisableCredentials: true,
  ...more,
});

/** The first way of cutting, as IAM has it. */
export const DENY: CutWay = { name: "Deny", replaces: [], clears: [], request: true };

/** As it stands; by default ours, in use, with nothing on it. */
export const view = (pieces: readonly ObservedPiece[] = [], more: Partial<AccountView> = {}): AccountView => ({
  principal: "ours",
  externalId: "ID1",
  pieces: [...BASE, ...pieces],
  conflicts: [],
  foreignGrants: [],
  groupGrants: [],
  credentials: [],
  rightsCut: false,
  loginClosed: true,
  grantsGone: pieces.every((each) => each.class !== "grant"),
  cutWays: [DENY],
  cutBy: more.rightsCut === true ? ["Deny"] : [],
  closes: [],
  outstanding: [],
  notLooked: [],
  ...more,
});

export const absent: AccountView = view([], { principal: "absent", pieces: [], rightsCut: true });

export const key = (id: string, enabled = true): AccountView["credentials"][number] => ({
  id,
  enabled,
  switchable: true,
  createdAt: at("10:00:00"),
});

export const record = (
  name: string,
  keys: readonly string[] = [],
  more: Partial<AccountRecord> = {},
): AccountRecord => ({
  name,
  target: `aws-user/1/${name}`,
  declaration: "{}",
  pieces: ["principal", "owner", ...keys],
  state: "Active",
  ...more,
});

export const HASH = "h1";
export const GOOD = { generation: 1, specHash: HASH, spec: JSON.stringify(spec()) };
const OWNER = { team: "payments", contact: "payments@example.com" };

/** A status of an identity that stood as declared. */
export const good = (accounts: readonly AccountRecord[], more: Partial<LifecycleStatus> = {}): LifecycleStatus => ({
  lastKnownGood: GOOD,
  ownerRecord: OWNER,
  accounts,
  ...more,
});

export const failures = (
  reason: string,
  since: string,
  next: string,
  more: { count?: number; about?: string } = {},
) => ({
  count: 1,
  reason,
  message: `${reason}.`,
  since: text(since),
  nextAttemptTime: text(next),
  ...more,
});

/** One account `lake` that is declared, on record and as it must be; noon. */
export const input = (more: Partial<LifecycleInput> = {}): LifecycleInput => ({
  now: at("12:00:00"),
  timeTrusted: true,
  status: good([record("lake")]),
  settings: settings(),
  specHash: HASH,
  generation: 1,
  own: true,
  desired: { lake: account("lake", []) },
  leaving: { lake: { cutsByRemoval: false, canDisableCredentials: true } },
  observed: { lake: view() },
  permissions: {},
  dryRun: false,
  paused: false,
  ...more,
});

export const allowed = (...privileges: readonly string[]) =>
  Object.fromEntries(privileges.map((privilege) => [privilege, { kind: "allowed" } as const]));

export const refused = (privilege: string) => ({
  [privilege]: { kind: "refused", code: "PermissionDenied", message: "No grant." } as const,
});
