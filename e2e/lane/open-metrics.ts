/**
 * Several operators share one machine, and what drives them reads their metrics beside the probes. Not flags, because an older operator refuses
 * those that it does not know.
 */
export const openMetrics = { KEYTURN_METRICS_AUTH: "None", KEYTURN_METRICS_ADDRESS: "127.0.0.1:0" } as const;
