import { setImmediate as nextTurn } from "node:timers/promises";
import type { Registry } from "prom-client";

/** So many series are written at once: a few milliseconds' work, whatever is waiting for the event loop. */
const SERIES_AT_ONCE = 500;

/** As the registry writes it, but in pieces: with ten thousand resources the whole would hold everything else up for half a second. */
export const textOf = async (registry: Registry): Promise<string> => {
  const parts: string[] = [];
  // The types leave out what writes one metric.
  const writer = registry as unknown as { getMetricsAsString(metric: Pick<Readable, "get">): Promise<string> };
  for (const metric of registry.getMetricsAsArray() as unknown as readonly Readable[]) {
    const { values, ...head } = await (metric.getForPromString?.() ?? metric.get());
    const lines: string[] = [];
    let at = 0;
    do {
      const piece = { ...head, values: values.slice(at, at + SERIES_AT_ONCE) };
      const text = await writer.getMetricsAsString({ get: () => Promise.resolve(piece) });
      // Help and type stand before the first piece alone.
      lines.push(at === 0 ? text : text.split("\n").slice(2).join("\n"));
      at += SERIES_AT_ONCE;
      await nextTurn();
    } while (at < values.length);
    parts.push(lines.join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
};

/** What prom-client's metrics have in common beside their types. */
interface Readable {
  get(): Promise<{ readonly values: readonly unknown[] }>;
  /** Of a histogram: with its buckets laid out. */
  getForPromString?(): Promise<{ readonly values: readonly unknown[] }>;
}
