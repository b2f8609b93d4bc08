import type { Cancel, Clock } from "../kernel/clock.ts";
import type { TrailFiles } from "./files.ts";
import { HEADS_FILE, headsText, type FileHead } from "./heads.ts";
import type { ChainHead } from "./record.ts";

/** `head.json` is at most this far behind the trail; a file that is begun is listed before it exists. */
const BEHIND_MS = 1000;

/**
 * Keeps `head.json`: names, lengths and heads of the files, so that a cut end, a missing file and a file from elsewhere show. A list that
 * cannot be written makes no act fail, except where a file is begun: the disk that refuses it would refuse the file too.
 */
export class HeadKeeper {
  readonly #files: TrailFiles;
  readonly #clock: Clock;
  #heads: FileHead[];
  #writing: Promise<void> = Promise.resolve();
  #cancel: Cancel | undefined;

  constructor(files: TrailFiles, clock: Clock, heads: readonly FileHead[]) {
    this.#files = files;
    this.#clock = clock;
    this.#heads = [...heads];
  }

  /** Lists a file that is about to be made. Rejects when the list cannot be written. */
  async begins(name: string): Promise<void> {
    const before = this.#heads;
    this.#heads = [...before, { name, bytes: 0 }];
    try {
      await this.#write();
    } catch (error) {
      this.#heads = before;
      throw error;
    }
  }

  /** What is durable of a file now. */
  wrote(name: string, bytes: number, head: ChainHead): void {
    this.#heads = this.#heads.map((file) => (file.name === name ? { name, bytes, head } : file));
    this.#cancel ??= this.#clock.schedule(BEHIND_MS, () => {
      this.#cancel = undefined;
      void this.#write().catch(() => undefined);
    });
  }

  async close(): Promise<void> {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    await this.#write().catch(() => undefined);
  }

  /** One after the other, each with the newest list. */
  #write(): Promise<void> {
    const turn = this.#writing
      .catch(() => undefined)
      .then(() => this.#files.replace(HEADS_FILE, Buffer.from(headsText(this.#heads))));
    this.#writing = turn;
    return turn;
  }
}
