import type { TrailFile, TrailFiles } from "./files.ts";

export type TrailFault = "append" | "tornAppend" | "sync" | "truncate" | "create" | "replace" | "remove";

/** A directory in memory whose disk fails on demand: `faults` holds what fails now; `tornAppend` writes half and fails (disk full). */
export class FakeTrailFiles implements TrailFiles {
  readonly contents = new Map<string, Buffer>();
  readonly faults = new Set<TrailFault>();
  syncs = 0;
  /** Awaited within each sync: to hold a batch while others ask. */
  duringSync: () => Promise<void> = () => Promise.resolve();

  names(): Promise<readonly string[]> {
    return Promise.resolve([...this.contents.keys()]);
  }

  read(name: string): Promise<Uint8Array> {
    const bytes = this.contents.get(name);
    return bytes === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(bytes);
  }

  async create(name: string): Promise<TrailFile> {
    this.#fail("create");
    if (this.contents.has(name)) throw new Error("EEXIST");
    this.contents.set(name, Buffer.alloc(0));
    const bytes = (): Buffer => this.contents.get(name) ?? Buffer.alloc(0);
    return {
      append: async (more) => {
        if (this.faults.has("tornAppend")) {
          this.contents.set(name, Buffer.concat([bytes(), more.subarray(0, Math.ceil(more.length / 2))]));
          throw new Error("ENOSPC");
        }
        this.#fail("append");
        this.contents.set(name, Buffer.concat([bytes(), more]));
      },
      sync: async () => {
        await this.duringSync();
        this.#fail("sync");
        this.syncs += 1;
      },
      truncate: async (length) => {
        this.#fail("truncate");
        this.contents.set(name, Buffer.from(bytes().subarray(0, length)));
      },
      close: () => Promise.resolve(),
    };
  }

  size(name: string): Promise<number> {
    const bytes = this.contents.get(name);
    return bytes === undefined ? Promise.reject(new Error("ENOENT")) : Promise.resolve(bytes.length);
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    this.#fail("replace");
    this.contents.set(name, Buffer.from(bytes));
  }

  async appendTo(name: string, bytes: Uint8Array): Promise<void> {
    this.#fail("append");
    this.contents.set(name, Buffer.concat([this.contents.get(name) ?? Buffer.alloc(0), bytes]));
  }

  async remove(name: string): Promise<void> {
    this.#fail("remove");
    if (!this.contents.delete(name)) throw new Error("ENOENT");
  }

  /** Names of the files with records, in the order in which they were made. */
  trailNames(): readonly string[] {
    return [...this.contents.keys()].filter((name) => name.startsWith("audit-"));
  }

  /** For verifyTrail. */
  files(): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
    return [...this.contents].map(([name, bytes]) => ({ name, bytes }));
  }

  #fail(fault: TrailFault): void {
    if (this.faults.has(fault)) throw new Error("EIO");
  }
}
