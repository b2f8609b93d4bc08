import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, stat, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeSize } from "./volume.ts";

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
  size(name: string): Promise<number>;
  /** Writes the whole file at once: after a crash it is the old one or the new one. Durable when this resolves. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  /** Appends to a file that may not exist yet. Durable when this resolves. */
  appendTo(name: string, bytes: Uint8Array): Promise<void>;
  /** Deletes a file. Durable when this resolves. */
  remove(name: string): Promise<void>;
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
    await syncFolder(directory);
    return {
      append: (bytes) => handle.appendFile(bytes),
      sync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    };
  },
  size: async (name) => (await stat(join(directory, name))).size,
  async replace(name, bytes) {
    const path = join(directory, name);
    await written(`${path}.new`, "w", bytes);
    await rename(`${path}.new`, path);
    await syncFolder(directory);
  },
  async appendTo(name, bytes) {
    await written(join(directory, name), "a", bytes);
    await syncFolder(directory);
  },
  async remove(name) {
    await unlink(join(directory, name));
    await syncFolder(directory);
  },
});

/** The volume under a folder. Blocks that are kept for root count as neither used nor free, as `df` has it. */
export const volumeSize = async (directory: string): Promise<VolumeSize> => {
  const { blocks, bfree, bavail, bsize } = await statfs(directory);
  const used = blocks - bfree;
  return { used: used * bsize, total: (used + bavail) * bsize };
};

const written = async (path: string, flags: "w" | "a", bytes: Uint8Array): Promise<void> => {
  const handle = await open(path, flags, 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Names are durable only after their folder is synced. */
const syncFolder = async (directory: string): Promise<void> => {
  const folder = await open(directory, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};
