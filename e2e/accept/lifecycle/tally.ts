/** What scenarios count; the members of the campaign's last line that are sums (or, of seconds, the greatest). */
export interface Tally {
  joined: number;
  moved: number;
  offboarded: number;
  offboardSecondsMax: number;
  stillAcceptedTried: number;
  stillAccepted: number;
  foreignPlanted: number;
  foreignTouched: number;
  reverts: number;
  revertLeftovers: number;
  narrowingsReverted: number;
  mutatedFields: number;
  pathDependent: number;
  specWrites: number;
  tenantAttempts: number;
  tenantWins: number;
  adopted: number;
  givenBack: number;
  undone: number;
}

export function emptyTally(): Tally {
  return {
    joined: 0,
    moved: 0,
    offboarded: 0,
    offboardSecondsMax: 0,
    stillAcceptedTried: 0,
    stillAccepted: 0,
    foreignPlanted: 0,
    foreignTouched: 0,
    reverts: 0,
    revertLeftovers: 0,
    narrowingsReverted: 0,
    mutatedFields: 0,
    pathDependent: 0,
    specWrites: 0,
    tenantAttempts: 0,
    tenantWins: 0,
    adopted: 0,
    givenBack: 0,
    undone: 0,
  };
}

/** Both together. */
export function added(a: Tally, b: Tally): Tally {
  const sum = { ...a };
  for (const name of Object.keys(sum) as (keyof Tally)[])
    sum[name] = name === "offboardSecondsMax" ? Math.max(a[name], b[name]) : a[name] + b[name];
  return sum;
}
