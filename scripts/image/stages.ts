import { spawn } from "node:child_process";
import { chmod, constants, copyFile, cp, mkdir, realpath, stat, symlink } from "node:fs/promises";
import { existsSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Command, Instruction, Stage } from "./dockerfile.ts";

/** A RUN line that cannot be carried out on this machine, and why. */
export interface Skipped {
  readonly line: string;
  readonly reason: string;
}

export interface BuildOptions {
  readonly stages: readonly Stage[];
  /** The folder whose files COPY takes, and which of them are admitted. */
  readonly context: string;
  readonly admitted: readonly string[];
  /** An empty folder; each stage gets one in it that stands for its `/`. */
  readonly into: string;
  readonly asRoot: boolean;
  readonly say: (line: string) => void;
}

/** What was done: the RUN lines that ran well, and those that were left out. */
export interface Built {
  readonly ran: readonly string[];
  readonly skipped: readonly Skipped[];
}

/** Why this line is left out; undefined when it is run. Nothing else is ever left out. */
export const skipReason = ({ command }: { readonly command: Command }, asRoot: boolean): string | undefined => {
  const words = command.form === "exec" ? command.argv : command.text.split(/\s+/);
  return words[0] === "chown" && !asRoot ? "only root gives files to another user" : undefined;
};

/** Of the machine's environment, what a build has too: ways to the network and npm's places. Nothing that changes what is installed. */
const KEPT =
  /^(HOME|TMPDIR|LANG|(https?|no)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|npm_config_(registry|cafile|cache|userconfig|globalconfig))$/i;
/** In a base of this name the shell, node and npm are there; in every other one nothing is. */
const BUILD_BASE = /^(docker\.io\/library\/)?node:/;

/**
 * Carries out COPY and RUN of all stages, without a container engine: paths of the image lead into the stage's folder.
 * Throws when a source of a COPY is not there or a RUN line fails, with the line.
 */
export const buildStages = async (options: BuildOptions): Promise<Built> => {
  if (/[^\w./-]/.test(options.into)) throw new Error(`a path that a shell reads otherwise: ${options.into}`);
  const done: { ran: string[]; skipped: Skipped[] } = { ran: [], skipped: [] };
  for (const [index, stage] of options.stages.entries()) {
    const site = new Site(options, stage, index);
    options.say(`stage ${stage.name}, from ${stage.from}`);
    await site.begin();
    for (const instruction of stage.instructions) {
      const reason = instruction.kind === "run" ? skipReason(instruction, options.asRoot) : undefined;
      if (instruction.kind !== "run") await site.prepare(instruction);
      else if (reason === undefined) {
        options.say(`  RUN ${instruction.line}`);
        await site.run(instruction.command, instruction.line);
        done.ran.push(instruction.line);
      } else {
        options.say(`  not run: RUN ${instruction.line} (${reason})`);
        done.skipped.push({ line: instruction.line, reason });
      }
    }
  }
  return done;
};

const rootOf = ({ into, stages }: BuildOptions, name: string): string | undefined => {
  const index = stages.findIndex((stage, at) => stage.name === name || String(at) === name);
  return index < 0 ? undefined : join(into, String(index));
};

/** One stage while it is built. */
class Site {
  readonly #options: BuildOptions;
  readonly #stage: Stage;
  readonly #root: string;
  #workdir = "/";
  #user: string | undefined;
  #env: Readonly<Record<string, string>> = {};

  constructor(options: BuildOptions, stage: Stage, index: number) {
    this.#options = options;
    this.#stage = stage;
    this.#root = join(options.into, String(index));
  }

  /** What the stage begins with: an earlier one as it was left, or what a base is known to have. */
  async begin(): Promise<void> {
    const earlier = rootOf(this.#options, this.#stage.from);
    await mkdir(this.#root);
    await chmod(this.#root, 0o755);
    if (earlier !== undefined) await cp(earlier, this.#root, { recursive: true, verbatimSymlinks: true });
    else if (BUILD_BASE.test(this.#stage.from)) await this.#putNode();
  }

  async prepare(instruction: Exclude<Instruction, { readonly kind: "run" }>): Promise<void> {
    switch (instruction.kind) {
      case "workdir":
        this.#workdir = resolve(this.#workdir, instruction.path);
        await mkdir(this.#inRoot(this.#workdir), { recursive: true });
        return;
      case "copy":
        return this.#copy(instruction);
      case "env":
        this.#env = { ...this.#env, ...instruction.values };
        return;
      case "user":
        this.#user = instruction.user;
        return;
      case "entrypoint":
        return;
    }
  }

  async run(command: Command, line: string): Promise<void> {
    const shell = BUILD_BASE.test(this.#stage.from) || rootOf(this.#options, this.#stage.from) !== undefined;
    if (command.form === "shell" && !shell)
      throw new Error(`RUN ${line}: ${this.#stage.from} is not known to have a shell`);
    const [file = "", ...args] =
      command.form === "exec"
        ? command.argv.map((word) => this.#mapped(word))
        : ["/bin/sh", "-c", command.text.replaceAll(/(?<![^\s'"=:])\/[\w./-]+/g, (path) => this.#mapped(path))];
    const code = await new Promise<number | string | null>((settle) => {
      const child = spawn(file, args, {
        cwd: this.#inRoot(this.#workdir),
        env: this.#environment(),
        ...this.#identity(),
        stdio: ["ignore", "ignore", "inherit"],
      });
      child.on("error", ({ message }) => settle(message));
      child.on("exit", (status, signal) => settle(status ?? signal));
    });
    if (code !== 0) throw new Error(`RUN ${line}: ended with ${code ?? "nothing"}`);
  }

  async #copy({ from, sources, to }: Extract<Instruction, { readonly kind: "copy" }>): Promise<void> {
    const target = resolve(this.#workdir, to);
    const intoFolder = to.endsWith("/") || sources.length > 1 || (await isFolder(this.#inRoot(target)));
    for (const source of sources) {
      const files = from === undefined ? this.#fromContext(source) : await this.#fromStage(from, source);
      for (const { path, below } of files) {
        const name = below === "" && intoFolder ? (source.split("/").at(-1) ?? "") : below;
        const place = join(this.#inRoot(target), name);
        await mkdir(dirname(place), { recursive: true });
        await cp(path, place, { recursive: true, verbatimSymlinks: true });
      }
    }
  }

  /** A file itself, or the files of a folder with their paths below it. */
  #fromContext(source: string): readonly { readonly path: string; readonly below: string }[] {
    const { admitted, context } = this.#options;
    const wanted = source.replace(/^\.?\//, "").replace(/\/$/, "");
    const files = admitted.filter((file) => file === wanted || file.startsWith(`${wanted}/`));
    if (files.length === 0)
      throw new Error(`COPY ${source}: .dockerignore admits nothing of that name, or it is not there`);
    return files.map((file) => ({ path: join(context, file), below: file.slice(wanted.length + 1) }));
  }

  async #fromStage(
    from: string,
    source: string,
  ): Promise<readonly { readonly path: string; readonly below: string }[]> {
    const root = rootOf(this.#options, from);
    if (root === undefined) throw new Error(`COPY --from=${from}: no stage of that name`);
    const path = join(root, source);
    if (!existsSync(path)) throw new Error(`COPY --from=${from} ${source}: that stage has made nothing of that name`);
    // The content of a folder goes to where the folder's name would: cp does that by itself.
    return [{ path, below: (await isFolder(path)) ? "." : "" }];
  }

  /** This process's Node, and npm of the machine's PATH, where the official image has them. */
  async #putNode(): Promise<void> {
    const bin = join(this.#root, "usr/local/bin");
    await mkdir(bin, { recursive: true });
    // A copy: what a line does to it must not reach the checkout's own.
    await copyFile(await realpath(process.execPath), join(bin, "node"), constants.COPYFILE_FICLONE);
    const npm = (process.env["PATH"] ?? "")
      .split(delimiter)
      .map((folder) => join(folder, "npm"))
      .find((path) => existsSync(path));
    if (npm === undefined) throw new Error("npm is not on PATH");
    await symlink(await realpath(npm), join(bin, "npm"));
  }

  #environment(): Record<string, string> {
    const kept = Object.entries(process.env).filter((pair): pair is [string, string] => KEPT.test(pair[0]));
    const own = Object.entries(this.#env).map(([name, value]) => [name, this.#mapped(value)] as const);
    return {
      ...Object.fromEntries(kept),
      PATH: [join(this.#root, "usr/local/bin"), "/usr/bin", "/bin"].join(delimiter),
      // What is in npm's cache is not asked for again; the line stays as it is.
      npm_config_prefer_offline: "true",
      ...Object.fromEntries(own),
    };
  }

  /** USER is followed by root alone; anybody else is who they are. */
  #identity(): { readonly uid?: number; readonly gid?: number } {
    if (this.#user === undefined || !this.#options.asRoot) return {};
    const [, uid, gid] = /^(\d+):(\d+)$/.exec(this.#user) ?? [];
    if (uid === undefined || gid === undefined) throw new Error(`USER ${this.#user}: not two numbers`);
    return { uid: Number(uid), gid: Number(gid) };
  }

  #inRoot(path: string): string {
    return join(this.#root, path);
  }

  /** A path of the image becomes that of the stage's folder, where it or its folder is there; everything else stays. */
  #mapped(word: string): string {
    if (!word.startsWith("/")) return word;
    const inside = this.#inRoot(word);
    const known = existsSync(inside) || (dirname(word) !== "/" && existsSync(dirname(inside)));
    return known ? inside : word;
  }
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
