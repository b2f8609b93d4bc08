import { setImmediate as nextTurn } from "node:timers/promises";
import type { Registry } from "prom-client";

/** So many series are written at once: a few milliseconds' work, whatever is waiting for the event loop. */
const SERIES_AT_ONCE = 200;

/**
 * As the registry writes it, but in pieces, with a turn of the event loop after each: with ten thousand resources the whole would hold
 * everything else up for half a second.
 */
export async function* piecesOf(registry: Registry): AsyncGenerator<string> {
  // The types leave out what writes one metric.
  const writer = registry as unknown as { getMetricsAsString(metric: Pick<Readable, "get">): Promise<string> };
  let before = "";
  for (const metric of registry.getMetricsAsArray() as unknown as readonly Readable[]) {
    const { values, ...head } = await (metric.getForPromString?.() ?? metric.get());
    let at = 0;
    do {
      const piece = { ...head, values: values.slice(at, at + SERIES_AT_ONCE) };
      const text = await writer.getMetricsAsString({ get: () => Promise.resolve(piece) });
      // Help and type stand before the first piece alone.
      yield before + (at === 0 ? text : text.split("\n").slice(2).join("\n"));
      before = "\n";
      at += SERIES_AT_ONCE;
      await nextTurn();
    } while (at < values.length);
    before = "\n\n";
  }
  yield "\n";
}

/** What prom-client's metrics have in common beside their types. */
interface Readable {
  get(): Promise<{ readonly values: readonly unknown[] }>;
  /** Of a histogram: with its buckets laid out. */
  getForPromString?(): Promise<{ readonly values: readonly unknown[] }>;
}
