import type { AccountView, PlanLine } from "./action.ts";
import type { AccountRecord } from "./record.ts";

/** What the SecretRotations of the namespace have on record, read when it is needed. */
export interface KnownCredentials {
  readonly onRecord: readonly string[];
  /** Reported leaked, whether or not they are on record. */
  readonly leaked: readonly string[];
}

/** Ids of credentials that coming back switches on: in use before the cut, on record of a SecretRotation, and not reported leaked. */
export const reopenable = (
  { enabledCredentials, compromised }: Pick<AccountRecord, "enabledCredentials" | "compromised">,
  known: KnownCredentials | undefined,
): readonly string[] =>
  compromised === true
    ? []
    : (enabledCredentials ?? []).filter((id) => known?.onRecord.includes(id) === true && !known.leaked.includes(id));

/** One line for each credential that was in use, stands, and stays off: told before the account comes back. */
export const stayOffLines = (
  account: string,
  record: Pick<AccountRecord, "enabledCredentials" | "compromised">,
  view: AccountView,
  known: KnownCredentials,
): readonly PlanLine[] => {
  const opens = reopenable(record, known);
  return view.credentials
    .filter(({ id, enabled }) => !enabled && record.enabledCredentials?.includes(id) === true && !opens.includes(id))
    .map(({ id }) => ({
      sign: "~",
      account,
      title: `credential ${id} ${STAYS_OFF}: ${whyOff(id, record, known)}`,
      direction: "none",
    }));
};

const whyOff = (id: string, { compromised }: Pick<AccountRecord, "compromised">, known: KnownCredentials): string => {
  if (compromised === true) return "an IdentityHold said that it is compromised";
  return known.leaked.includes(id) ? "it is reported leaked" : "no SecretRotation answers for it";
};

const STAYS_OFF = "stays off";

export const isStayOffLine = (line: string): boolean => line.includes(` ${STAYS_OFF}: `);
