import { equal, match, rejects } from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output } from "../commands.ts";
import { sourceOf } from "./baseline.ts";

describe("the source that an upgrade begins with", () => {
  let folder: string;
  let first: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyturn-baseline-"));
    const git = (...args: string[]): Promise<string> =>
      output("git", ["-C", join(folder, "whole"), "-c", "user.name=x", "-c", "user.email=x@example.com", ...args]);
    await mkdir(join(folder, "whole"));
    await git("init", "-q");
    for (const text of ["first", "second"]) {
      await writeFile(join(folder, "whole", "file"), text);
      await git("add", "file");
      await git("commit", "-qm", text);
    }
    first = (await git("rev-parse", "HEAD~1")).trim();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("is the commit's files, whatever stands in the folder now", async () => {
    const source = await sourceOf(first, join(folder, "out"), join(folder, "whole"));
    equal(await readFile(join(source, "file"), "utf8"), "first");
  });

  it("is refused with what to do where the clone is shallow", async () => {
    const shallow = join(folder, "shallow");
    await output("git", ["clone", "-q", "--depth", "1", `file://${join(folder, "whole")}`, shallow]);
    await rejects(sourceOf(first, join(folder, "out"), shallow), (error: Error) => {
      match(error.message, /git fetch --unshallow/);
      match(error.message, new RegExp(first));
      return true;
    });
  });

  it("is refused with what to do where there is no repository", async () => {
    const bare = join(folder, "archive");
    await cp(join(folder, "whole", "file"), join(bare, "file"));
    await rejects(sourceOf(first, join(folder, "out"), bare), /no git repository: run it in a clone/);
  });
});
