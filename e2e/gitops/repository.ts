import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { output } from "../install/commands.ts";

/** A Git repository in a folder, as a team has one: every change is a commit on `main`. */
export interface Repository {
  /** What Argo CD is told. */
  readonly url: string;
  /** Makes the repository hold exactly these files (path to content), and commits; gives the commit's id. */
  commit(message: string, files: Readonly<Record<string, string>>): Promise<string>;
  /** Commits what lies in the folder. */
  commitAll(message: string): Promise<string>;
  /** The newest commit. */
  head(): Promise<string>;
  /** Undoes the last commit by another one, as `git revert` does. */
  revertLast(): Promise<string>;
}

/** Starts with an empty first commit. */
export async function openRepository(folder: string): Promise<Repository> {
  await mkdir(folder, { recursive: true });
  const env = {
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: "1",
    ...Object.fromEntries(
      ["AUTHOR", "COMMITTER"].flatMap((who) => [
        [`GIT_${who}_NAME`, "Payments"],
        [`GIT_${who}_EMAIL`, "payments@example.com"],
      ]),
    ),
  };
  const git = (...args: readonly string[]): Promise<string> => output("git", args, { cwd: folder, env });
  const head = async (): Promise<string> => (await git("rev-parse", "HEAD")).trim();
  const commitAll = async (message: string): Promise<string> => {
    await git("add", "--all");
    await git("commit", "--quiet", "--message", message);
    return head();
  };
  await git("init", "--quiet", "--initial-branch=main");
  await git("commit", "--quiet", "--allow-empty", "--message", "Begin");
  return {
    url: `file://${folder}`,
    async commit(message, files) {
      for (const name of await readdir(folder))
        if (name !== ".git") await rm(join(folder, name), { recursive: true, force: true });
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), content);
      }
      return commitAll(message);
    },
    commitAll,
    head,
    async revertLast() {
      await git("revert", "--no-edit", "HEAD");
      return head();
    },
  };
}
