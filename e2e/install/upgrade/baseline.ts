import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { ended, output } from "../commands.ts";
import { root } from "../../lane/paths.ts";

/**
 * The files of a commit in `folder`, out of this clone's history and with this checkout's packages. Throws, and says what to do, where
 * the history is not there: a shallow clone has none, and neither has an archive of the sources.
 */
export async function sourceOf(commit: string, folder: string, repository = root): Promise<string> {
  const env = { GIT_DIR: join(repository, ".git") };
  const git = await ended("git", ["rev-parse", "--git-dir"], { env, cwd: repository });
  if (git.code !== 0)
    throw new Error(
      `The upgrade begins at commit ${commit}, and ${repository} is no git repository: run it in a clone that has the whole history.`,
    );
  const found = await ended("git", ["cat-file", "-e", `${commit}^{commit}`], { env, cwd: repository });
  if (found.code !== 0)
    throw new Error(
      `The upgrade begins at commit ${commit}, which is not in this clone; it may be a shallow one: git fetch --unshallow.`,
    );
  await mkdir(folder, { recursive: true });
  const archive = join(folder, "source.tar");
  await output("git", ["archive", "--format=tar", `--output=${archive}`, commit], { env, cwd: repository });
  await output("tar", ["-xf", archive, "-C", folder]);
  await rm(archive);
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Bundles the operator whose files these are, as its own scripts do it. */
export async function bundleOf(source: string, outfile: string): Promise<string> {
  await output(process.execPath, [join(source, "scripts/bundle.ts"), "--outfile", outfile], { cwd: source });
  return outfile;
}
