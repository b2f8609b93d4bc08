import { constants } from "node:fs";
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** One file, open for appending. Every method rejects with the system's error. */
export interface TrailFile {
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything appended is on the disk. */
  sync(): Promise<void>;
  /** Cuts a half-written end off again. */
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The directory of a trail; replaced in tests by one that fails on demand. */
export interface TrailFiles {
  names(): Promise<readonly string[]>;
  read(name: string): Promise<Uint8Array>;
  /** A new file: it must not exist. Its name is durable when this resolves. */
  create(name: string): Promise<TrailFile>;
}

export const trailFiles = (directory: string): TrailFiles => ({
  async names() {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return readdir(directory);
  },
  read: (name) => readFile(join(directory, name)),
  async create(name) {
    const { O_APPEND, O_CREAT, O_EXCL, O_WRONLY } = constants;
    const handle = await open(join(directory, name), O_APPEND | O_CREAT | O_EXCL | O_WRONLY, 0o600);
    const folder = await open(directory, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return {
      append: (bytes) => handle.appendFile(bytes),
      sync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    };
  },
});
