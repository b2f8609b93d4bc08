import { execFile } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../lane/paths.ts";

const run = promisify(execFile);

/** The commit of the first landed chart; its CRDs are kept beside (e2e/upgrade/baseline). */
export const firstLanded = "e487550";
export const firstCrds = `e2e/upgrade/baseline/${firstLanded}`;

/** Bundles the operator of that commit, out of this clone's history and with this checkout's packages. */
export async function bundleFirstLanded(folder: string): Promise<string> {
  await run("git", ["cat-file", "-e", `${firstLanded}^{commit}`], { cwd: root }).catch(() => {
    throw new Error(
      `The commit ${firstLanded} of the first landed chart is not in this clone, which may be a shallow one: git fetch --unshallow.`,
    );
  });
  const source = join(folder, "source");
  await mkdir(source, { recursive: true });
  const archive = join(folder, "source.tar");
  await run("git", ["archive", "--format=tar", `--output=${archive}`, firstLanded], { cwd: root });
  await run("tar", ["-xf", archive, "-C", source]);
  await symlink(join(root, "node_modules"), join(source, "node_modules"));
  const bundle = join(folder, "keyturn.mjs");
  await run(process.execPath, [join(source, "scripts/bundle.ts"), "--outfile", bundle], { cwd: source });
  return bundle;
}
