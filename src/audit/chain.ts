import type { Cancel, Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { randomWord } from "../kernel/ids.ts";
import type { Fields } from "../kernel/logger.ts";
import type { AuditEntry, AuditHandle, AuditTrail } from "./contract.ts";
import type { TrailFile, TrailFiles } from "./files.ts";
import { chained, lineOf, recordOf, type AuditDraft, type AuditRecord, type ChainHead } from "./record.ts";
import { epochOfName, fileName, splitLines } from "./verify.ts";

export interface AuditChainOptions {
  readonly files: TrailFiles;
  readonly clock: Clock;
  /** Gets a copy of each line once it is durable (stdout). What it throws is ignored. */
  readonly copy?: (line: string) => void;
  /** The seam for signing and anchors: each record, in order, once it is durable. What it throws is ignored. */
  readonly onAppend?: (record: AuditRecord) => void;
  /** For metrics. */
  readonly observe?: (result: "written" | "spooled" | "refused") => void;
  readonly epoch?: string;
  readonly longestFileBytes?: number;
  readonly longestSpool?: number;
}

const MIB = 1024 * 1024;
const RETRY_MS = 1_000;

/** What waits to be written. `strict`: FailClosed; its begin is refused when it cannot be written now. */
interface Waiting {
  readonly draft: AuditDraft;
  readonly strict: boolean;
  settle(error?: OperatorError): void;
}

/**
 * Opens this process's chain. Nothing is written before the first record is asked for, except that the first line of the chain
 * names the newest head found in the directory. Rejects with Unavailable when the directory cannot be read.
 *
 * Sequence numbers and hashes are given when a batch is written, not when a record is asked for: a refused record leaves no gap.
 */
export const openAuditTrail = async (options: AuditChainOptions): Promise<AuditTrail> => {
  const epoch = options.epoch ?? randomWord(12);
  let opening: Opening;
  try {
    opening = await newestHead(options.files);
  } catch {
    throw unwritable();
  }
  return new AuditChain(options, epoch, opening);
};

class AuditChain implements AuditTrail {
  readonly #options: AuditChainOptions;
  readonly #startedAt: Date;
  /** In order of asking. Spooled ones stay at the front until they are written. */
  #queue: Waiting[] = [];
  #head: ChainHead;
  #file: { readonly handle: TrailFile; readonly name: string; bytes: number } | undefined;
  #part = 0;
  #acts = 0;
  #lost = 0;
  #failing = false;
  #closed = false;
  #pump: Promise<void> | undefined;
  #cancelRetry: Cancel | undefined;

  constructor(options: AuditChainOptions, epoch: string, opening: Opening) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#head = { epoch, seq: 0, hash: "" };
    this.#queue.push(this.#aboutTrail("open", { ...opening }));
  }

  async begin(entry: AuditEntry): Promise<AuditHandle> {
    if (this.#closed) throw unwritable();
    this.#acts += 1;
    const act = `${this.#head.epoch}-${this.#acts}`;
    const strict = entry.onSinkFailure === "FailClosed";
    const kept = await this.#add(this.#draft(entry, act, { phase: "begin", facts: entry.facts }), strict);
    const end = async (phase: "succeeded" | "failed", result: string, facts: Fields | undefined): Promise<void> => {
      // The act is over: its outcome waits for the sink however it was asked for, and never makes the act fail. An outcome
      // whose begin had no room would be a riddle, so it is counted as lost with it.
      if (kept) await this.#add(this.#draft(entry, act, { phase, result, facts }), false);
      else this.#lost += 1;
    };
    return {
      succeeded: (facts) => end("succeeded", "OK", facts),
      failed: (error) => end("failed", error.code, failureFacts(error)),
    };
  }

  healthy(): boolean {
    return !this.#failing && this.#lost === 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#pumped();
    await this.#file?.handle.close().catch(() => undefined);
    this.#file = undefined;
  }

  #draft(
    entry: AuditEntry,
    act: string,
    end: { readonly phase: AuditDraft["phase"]; readonly result?: string; readonly facts: Fields | undefined },
  ): AuditDraft {
    const { action, subject, target, passId } = entry;
    return {
      action,
      subject,
      target,
      passId,
      act,
      ...this.#moment(),
      phase: end.phase,
      result: end.result,
      facts: end.facts,
    };
  }

  #aboutTrail(action: string, facts: Fields): Waiting {
    const draft: AuditDraft = {
      ...{ phase: "recover", action, subject: undefined, target: "audit trail", passId: "", act: "", result: "OK" },
      ...this.#moment(),
      facts,
    };
    return { draft, strict: false, settle: () => undefined };
  }

  #moment(): { readonly time: string; readonly mono: number } {
    return { time: this.#options.clock.now().toISOString(), mono: Math.round(this.#options.clock.monotonicMs()) };
  }

  /** True when it is durable or spooled, false when there was no room; rejects (strict) when it cannot be written. */
  #add(draft: AuditDraft, strict: boolean): Promise<boolean> {
    if (!strict && this.#queue.length >= (this.#options.longestSpool ?? 10_000)) {
      this.#lost += 1;
      return Promise.resolve(false);
    }
    return new Promise((resolve, reject) => {
      const settle = (error?: OperatorError): void => {
        if (error === undefined) resolve(true);
        else reject(error);
      };
      this.#queue.push({ draft, strict, settle });
      void this.#pumped();
    });
  }

  /** One writer: what is asked for during a write goes into the next one, as one batch with one fsync. */
  #pumped(): Promise<void> {
    this.#pump ??= this.#writeAll().finally(() => {
      this.#pump = undefined;
    });
    return this.#pump;
  }

  async #writeAll(): Promise<void> {
    // Whoever asks in the same turn belongs to the same batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const lost = this.#lost;
      if (lost > 0) this.#queue.push(this.#aboutTrail("spoolOverflow", { lost }));
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#write(batch);
        this.#lost -= lost;
        this.#failing = false;
      } catch {
        this.#failing = true;
        this.#keepForLater(batch);
        this.#retryLater();
        return;
      }
    }
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    let head = this.#head;
    const records = batch.map(({ draft }) => {
      const record = chained(draft, head);
      head = { epoch: head.epoch, seq: record.seq, hash: record.hash };
      return record;
    });
    const lines = records.map(lineOf);
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    const file = await this.#fileFor(bytes.length);
    try {
      await file.handle.append(bytes);
      await file.handle.sync();
    } catch (error) {
      await this.#abandon(file);
      throw error;
    }
    file.bytes += bytes.length;
    this.#head = head;
    for (const [index, record] of records.entries()) {
      this.#tell(record, lines[index] ?? "");
      batch[index]?.settle();
    }
  }

  #tell(record: AuditRecord, line: string): void {
    this.#options.observe?.("written");
    for (const tell of [() => this.#options.copy?.(line), () => this.#options.onAppend?.(record)]) {
      try {
        tell();
      } catch {
        // The record is durable; a listener's trouble is not the act's.
      }
    }
  }

  async #fileFor(length: number): Promise<NonNullable<AuditChain["#file"]>> {
    const present = this.#file;
    if (present !== undefined) {
      const fits = present.bytes + length <= (this.#options.longestFileBytes ?? 64 * MIB);
      if (fits || present.bytes === 0) return present;
      this.#file = undefined;
      await present.handle.close().catch(() => undefined);
    }
    this.#part += 1;
    const name = fileName(this.#startedAt, this.#head.epoch, this.#part);
    this.#file = { handle: await this.#options.files.create(name), name, bytes: 0 };
    return this.#file;
  }

  /**
   * After a failed write or fsync nobody knows what of the batch is on the disk, and a second fsync may lie. The file is cut back
   * to what was durable, and the chain goes on in a new one. Where even the cut fails, the chain's next line tells how long the
   * good part of that file is.
   */
  async #abandon(file: NonNullable<AuditChain["#file"]>): Promise<void> {
    this.#file = undefined;
    try {
      await file.handle.truncate(file.bytes);
    } catch {
      const alreadyTold = this.#queue.some(({ draft }) => draft.action === "abandonFile" && draft.target === file.name);
      const told = this.#aboutTrail("abandonFile", { goodBytes: file.bytes });
      if (!alreadyTold) this.#queue.unshift({ ...told, draft: { ...told.draft, target: file.name } });
    }
    await file.handle.close().catch(() => undefined);
  }

  #keepForLater(batch: readonly Waiting[]): void {
    const kept: Waiting[] = [];
    for (const waiting of batch) {
      if (waiting.strict) {
        this.#options.observe?.("refused");
        waiting.settle(unwritable());
      } else if (waiting.draft.action !== "spoolOverflow") {
        this.#options.observe?.("spooled");
        waiting.settle();
        kept.push(waiting);
      }
    }
    this.#queue = [...kept, ...this.#queue];
  }

  #retryLater(): void {
    this.#cancelRetry?.();
    if (this.#closed) return;
    this.#cancelRetry = this.#options.clock.schedule(RETRY_MS, () => void this.#pumped());
  }
}

/** What the first line of a chain says about the one before it. */
type Opening = Readonly<Record<string, unknown>>;

/** The newest file's last good line, and how many bytes after it are torn. An empty directory gives nothing. */
const newestHead = async (files: TrailFiles): Promise<Opening> => {
  const names = (await files.names()).filter((name) => epochOfName(name) !== undefined).sort();
  for (const name of names.reverse()) {
    const { lines, tornBytes } = splitLines(await files.read(name));
    const records = lines.map((line) => [line, recordOf(line)] as const);
    const good = records.findLastIndex(([, record]) => typeof record !== "string");
    const unreadable = records.slice(good + 1).reduce((sum, [line]) => sum + Buffer.byteLength(line) + 1, 0);
    const last = records[good]?.[1];
    const lostBytes = tornBytes + unreadable;
    if (last === undefined || typeof last === "string") {
      // A file whose very first line was torn says nothing: the one before it does.
      if (lostBytes === 0 || name !== names.at(-1)) continue;
      return { file: name, lostBytes };
    }
    const head: ChainHead = { epoch: last.epoch, seq: last.seq, hash: last.hash };
    return { head, file: name, lostBytes };
  }
  return {};
};

const failureFacts = (error: OperatorError): Fields => ({
  status: error.status,
  serverCode: error.serverCode,
  requestId: error.requestId,
  ambiguous: error.ambiguous,
});

const unwritable = (): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: "The audit trail cannot be written; nothing that needs a record is done until it can.",
  });
