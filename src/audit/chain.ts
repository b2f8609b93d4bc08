import type { Cancel, Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { canonicalJson, randomWord } from "../kernel/ids.ts";
import type { Fields } from "../kernel/logger.ts";
import type { Asked, AskedSubject, AuditEntry, AuditHandle, AuditNote, AuditTrail } from "./contract.ts";
import type { TrailFile, TrailFiles } from "./files.ts";
import { HeadKeeper } from "./head-keeper.ts";
import { openingOf, type Opening } from "./opening.ts";
import { chained, lineOf, type AuditDraft, type AuditRecord, type ChainHead } from "./record.ts";
import { fileName } from "./verify.ts";

export interface AuditChainOptions {
  readonly files: TrailFiles;
  readonly clock: Clock;
  /** Gets a copy of each line once it is durable (stdout). What it throws is ignored. */
  readonly copy?: (line: string) => void;
  /** The seam for signing and anchors: each record, in order, once it is durable. What it throws is ignored. */
  readonly onAppend?: (record: AuditRecord, bytes: number) => void;
  /** For metrics. */
  readonly observe?: (result: "written" | "spooled" | "refused") => void;
  readonly epoch?: string;
  readonly longestFileBytes?: number;
  readonly longestSpool?: number;
}

const MIB = 1024 * 1024;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** What waits to be written. `strict`: FailClosed; its begin is refused when it cannot be written now. */
interface Waiting {
  readonly draft: AuditDraft;
  readonly strict: boolean;
  spooled: boolean;
  settle(error?: OperatorError): void;
}

interface OpenFile {
  readonly handle: TrailFile;
  readonly name: string;
  /** What is durable of it. */
  bytes: number;
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
    opening = await openingOf(options.files);
  } catch {
    throw unwritable();
  }
  return new AuditChain(options, epoch, opening);
};

class AuditChain implements AuditTrail {
  readonly #options: AuditChainOptions;
  readonly #startedAt: Date;
  readonly #heads: HeadKeeper;
  /** In order of asking. Spooled ones stay at the front until they are written. */
  #queue: Waiting[] = [];
  #head: ChainHead;
  #file: OpenFile | undefined;
  #part = 0;
  #acts = 0;
  #lost = 0;
  #failing = false;
  #closed = false;
  #pump: Promise<void> | undefined;
  #cancelRetry: Cancel | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(options: AuditChainOptions, epoch: string, opening: Opening) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#head = { epoch, seq: 0, hash: "" };
    this.#heads = new HeadKeeper(options.files, options.clock, opening.files);
    this.#queue.push(this.#aboutTrail("open", opening.facts));
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

  async note({ action, subject, target, passId, result, facts }: AuditNote): Promise<void> {
    if (this.#closed) return;
    this.#acts += 1;
    const act = `${this.#head.epoch}-${this.#acts}`;
    const about = { action, target, passId, act, ...subjectOf(subject), ...this.#moment() };
    await this.#add({ ...about, phase: "note", result, facts: plainFacts(facts) }, false);
  }

  healthy(): boolean {
    return !this.#failing && this.#lost === 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    if (this.#acts > 0) await this.#pumped();
    await this.#file?.handle.close().catch(() => undefined);
    this.#file = undefined;
    await this.#heads.close();
  }

  #draft(
    entry: AuditEntry,
    act: string,
    end: { readonly phase: AuditDraft["phase"]; readonly result?: string; readonly facts: Fields | undefined },
  ): AuditDraft {
    const { action, subject, target, passId } = entry;
    return {
      action,
      ...subjectOf(subject),
      target,
      passId,
      act,
      ...this.#moment(),
      phase: end.phase,
      result: end.result,
      facts: plainFacts(end.facts),
    };
  }

  #aboutTrail(action: string, facts: Fields): Waiting {
    const draft: AuditDraft = {
      ...{ phase: "recover", action, subject: undefined, target: "audit trail", passId: "", act: "", result: "OK" },
      ...this.#moment(),
      facts,
    };
    return { draft, strict: false, spooled: false, settle: () => undefined };
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
      this.#queue.push({ draft, strict, spooled: false, settle });
      void this.#pumped();
    });
  }

  /** One writer: what is asked for during a write goes into the next one, as one batch with one fsync. */
  #pumped(): Promise<void> {
    return (this.#pump ??= this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    // Whoever asks in the same turn belongs to the same batch.
    await Promise.resolve();
    try {
      while (this.#queue.length > 0 && (await this.#writeBatch()));
    } finally {
      // In the same turn as the look at the queue: whoever asks from here on starts the next writer.
      this.#pump = undefined;
    }
  }

  /** False when it failed; what may wait waits then. */
  async #writeBatch(): Promise<boolean> {
    const lost = this.#lost;
    if (lost > 0) this.#queue.push(this.#aboutTrail("spoolOverflow", { lost }));
    const batch = this.#queue;
    this.#queue = [];
    try {
      await this.#write(batch);
      this.#lost -= lost;
      this.#failing = false;
      this.#retryMs = FIRST_RETRY_MS;
      return true;
    } catch {
      this.#failing = true;
      this.#keepForLater(batch);
      this.#retryLater();
      return false;
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
      await this.#cutBack(file);
      throw error;
    }
    file.bytes += bytes.length;
    this.#head = head;
    this.#heads.wrote(file.name, file.bytes, head);
    for (const [index, record] of records.entries()) {
      this.#tell(record, lines[index] ?? "");
      batch[index]?.settle();
    }
  }

  #tell(record: AuditRecord, line: string): void {
    this.#options.observe?.("written");
    for (const tell of [
      () => this.#options.copy?.(line),
      () => this.#options.onAppend?.(record, Buffer.byteLength(line) + 1),
    ]) {
      try {
        tell();
      } catch {
        // The record is durable; a listener's trouble is not the act's.
      }
    }
  }

  async #fileFor(length: number): Promise<OpenFile> {
    const present = this.#file;
    if (present !== undefined) {
      const fits = present.bytes + length <= (this.#options.longestFileBytes ?? 64 * MIB);
      if (fits || present.bytes === 0) return present;
      this.#file = undefined;
      await present.handle.close().catch(() => undefined);
    }
    this.#part += 1;
    const name = fileName(this.#startedAt, this.#head.epoch, this.#part);
    await this.#heads.begins(name);
    this.#file = { handle: await this.#options.files.create(name), name, bytes: 0 };
    return this.#file;
  }

  /**
   * After a failed write or fsync nobody knows what of the batch is on the disk. The file is cut back to what was durable and
   * goes on from there. Where even the cut fails, the chain goes on in a new file, and a record of it tells how long the good
   * part of this one is.
   */
  async #cutBack(file: OpenFile): Promise<void> {
    try {
      await file.handle.truncate(file.bytes);
    } catch {
      this.#file = undefined;
      const told = this.#aboutTrail("abandonFile", { goodBytes: file.bytes });
      this.#queue.unshift({ ...told, draft: { ...told.draft, target: file.name } });
      await file.handle.close().catch(() => undefined);
    }
  }

  #keepForLater(batch: readonly Waiting[]): void {
    const kept: Waiting[] = [];
    for (const waiting of batch) {
      if (waiting.strict) {
        this.#options.observe?.("refused");
        waiting.settle(unwritable());
      } else if (waiting.draft.action !== "spoolOverflow") {
        if (!waiting.spooled) this.#options.observe?.("spooled");
        waiting.spooled = true;
        waiting.settle();
        kept.push(waiting);
      }
    }
    this.#queue = [...kept, ...this.#queue];
  }

  #retryLater(): void {
    this.#cancelRetry?.();
    if (this.#closed) return;
    this.#cancelRetry = this.#options.clock.schedule(this.#retryMs, () => void this.#pumped());
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
  }
}

/** The subject as it stands in a record, with what it was asked by beside it. */
const subjectOf = (subject: AskedSubject | undefined): Pick<AuditDraft, "subject" | keyof Asked> => {
  if (subject === undefined) return { subject: undefined };
  const { asked, kind, namespace, name, uid } = subject;
  return { subject: { kind, namespace, name, uid }, ...asked };
};

/** What JSON can hold and give back; a fact that it cannot would stop the whole trail. */
const plainFacts = (facts: Fields | undefined): Fields | undefined => {
  if (facts === undefined) return undefined;
  try {
    return JSON.parse(canonicalJson(facts)) as Fields;
  } catch {
    return { unreadableFacts: true };
  }
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
