/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export const timeText = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, "Z");
