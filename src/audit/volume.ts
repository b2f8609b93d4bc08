import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import type { TrailFiles } from "./files.ts";
import type { AuditRecord } from "./record.ts";
import { epochOfName, splitLines } from "./verify.ts";

/** A volume's size in bytes, and how much of it is in use, by the trail or by anything else. */
export interface VolumeSize {
  readonly used: number;
  readonly total: number;
}

export interface AuditVolumeOptions {
  readonly clock: Clock;
  readonly size: () => Promise<VolumeSize>;
  /** Of the volume, per namespace and day (UTC); 0: no shares. */
  readonly sharePercent: number;
}

/** What the volume still has room for, as `outside` asks. */
export interface AuditRoom {
  /** Throws AuditShareUsed when the namespace's resources have used their share of the day. "" is none's. */
  demandShare(namespace: string): void;
  /** Throws Unavailable in the last tenth of the volume; of a large volume in its last 256 MiB. */
  demandRoom(): void;
}

export interface AuditUsage {
  /** 0 to 1; undefined while it cannot be read. */
  readonly ratio: number | undefined;
  /** Of each namespace with records of today: how much of its share it has used; 1 and more is all. */
  readonly shares: ReadonlyMap<string, number>;
}

const MIB = 1024 * 1024;
export const LEAST_SHARE_BYTES = 5 * MIB;
const LAST_TENTH = 0.1;
/** Some 250,000 records: no installation takes more away before a person has looked. */
const MOST_KEPT_BYTES = 256 * MIB;
const REREAD_MS = 30_000;

/** Counts each namespace's records of the day, and watches how full the volume is. */
export class AuditVolume implements AuditRoom {
  readonly #options: AuditVolumeOptions;
  readonly #bytes = new Map<string, number>();
  #day: string;
  #size: VolumeSize | undefined;
  #readAtMs = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: AuditVolumeOptions) {
    this.#options = options;
    this.#day = dayOf(options.clock.now().toISOString());
  }

  /** Counts what the trail has of today already, and reads the volume's size. Rejects when the trail cannot be read. */
  async open(trail: TrailFiles): Promise<void> {
    // The folder may be made by this look.
    const names = (await trail.names()).filter((name) => epochOfName(name) !== undefined).sort();
    await this.refresh();
    for (const name of names.reverse()) {
      const { lines } = splitLines(await trail.read(name));
      const today = lines.filter((line) => this.#isToday(line));
      for (const line of today) this.#count(namespaceIn(line), Buffer.byteLength(line) + 1);
      // Records stand in order of time: what is older is in older files.
      if (today.length < lines.length) break;
    }
  }

  /** Each durable record, with its length. */
  wrote(record: AuditRecord, bytes: number): void {
    this.#turnDay();
    this.#count(record.subject?.namespace ?? "", bytes);
  }

  demandShare(namespace: string): void {
    this.#refreshLater();
    this.#turnDay();
    const { sharePercent } = this.#options;
    if (sharePercent === 0 || namespace === "") return;
    if ((this.#bytes.get(namespace) ?? 0) < this.#shareBytes()) return;
    throw new OperatorError("AuditShareUsed", {
      publicMessage: `The resources of this namespace have used their share of the audit volume for today (flag --audit-share); what they add or change waits until 00:00 UTC. Renewals, open rotations and what takes away go on.`,
    });
  }

  demandRoom(): void {
    this.#refreshLater();
    if (this.#size === undefined || this.#size.total - this.#size.used > keptBytes(this.#size)) return;
    throw new OperatorError("Unavailable", {
      publicMessage:
        "The last tenth of the audit volume (256 MiB of a large one) is kept for what takes away; make the volume bigger, or prune the trail (keyturn audit prune).",
    });
  }

  usage(): AuditUsage {
    this.#refreshLater();
    this.#turnDay();
    const share = this.#shareBytes();
    const shares = [...this.#bytes].filter(([namespace]) => namespace !== "");
    return {
      ratio: this.#size === undefined ? undefined : ratioOf(this.#size),
      shares:
        this.#options.sharePercent === 0
          ? new Map()
          : new Map(shares.map(([namespace, bytes]) => [namespace, bytes / share] as const)),
    };
  }

  /** Reads the volume's size; what cannot be read leaves the last answer. */
  async refresh(): Promise<void> {
    this.#readAtMs = this.#options.clock.monotonicMs();
    try {
      this.#size = await this.#options.size();
    } catch {
      // A volume that cannot be read cannot be written either, and then nothing is issued without a record.
    }
  }

  #refreshLater(): void {
    if (this.#options.clock.monotonicMs() - this.#readAtMs < REREAD_MS) return;
    this.#reading ??= this.refresh().finally(() => {
      this.#reading = undefined;
    });
  }

  #shareBytes(): number {
    return Math.max(LEAST_SHARE_BYTES, ((this.#size?.total ?? 0) * this.#options.sharePercent) / 100);
  }

  #turnDay(): void {
    const day = dayOf(this.#options.clock.now().toISOString());
    if (day === this.#day) return;
    this.#day = day;
    this.#bytes.clear();
  }

  #isToday(line: string): boolean {
    const time = /"time":"([^"]+)"/.exec(line)?.[1];
    return time !== undefined && dayOf(time) >= this.#day;
  }

  #count(namespace: string, bytes: number): void {
    this.#bytes.set(namespace, (this.#bytes.get(namespace) ?? 0) + bytes);
  }
}

const keptBytes = ({ total }: VolumeSize): number => Math.min(total * LAST_TENTH, MOST_KEPT_BYTES);

const ratioOf = ({ used, total }: VolumeSize): number => (total === 0 ? 0 : used / total);

const dayOf = (time: string): string => time.slice(0, 10);

const namespaceIn = (line: string): string => {
  try {
    return (JSON.parse(line) as AuditRecord).subject?.namespace ?? "";
  } catch {
    return "";
  }
};
