import { join } from "node:path";
import { readFixtures } from "../gitops/fixtures.ts";
import { root } from "../lane/paths.ts";
import { ensureProgram } from "../stack/toolchain.ts";
import { output } from "./commands.ts";
import type { InstallPart } from "./part.ts";

interface Verdict {
  readonly health: string;
  readonly message: string;
  readonly kstatus: string;
  readonly error?: string;
}

/** Argo CD's health scripts and the kstatus library over every state that the accept runs have shown. */
export const health: InstallPart = {
  name: "health",
  targets: {
    argoHealthStates: { atLeast: 25 },
    argoHealthWrong: { is: 0 },
    kstatusStates: { atLeast: 25 },
    kstatusMismatch: { is: 0 },
  },
  async run({ say }) {
    const judge = await ensureProgram("judge", say);
    const fixtures = await readFixtures();
    const input = fixtures.map(({ object }) => JSON.stringify(object)).join("\n");
    const lines = (await output(judge, [join(root, "config/argocd")], { input })).trim().split("\n");
    const verdicts = lines.map((line) => JSON.parse(line) as Verdict);
    const problems: string[] = [];
    let wrong = 0;
    let mismatch = 0;
    for (const [i, fixture] of fixtures.entries()) {
      const verdict = verdicts[i];
      if (verdict?.health !== fixture.health || verdict.message === "") {
        wrong += 1;
        problems.push(
          `${fixture.signature}: health ${verdict?.error ?? verdict?.health ?? "none"}, wanted ${fixture.health}`,
        );
      }
      if (verdict?.kstatus !== fixture.kstatus) {
        mismatch += 1;
        problems.push(`${fixture.signature}: kstatus ${verdict?.kstatus ?? "none"}, wanted ${fixture.kstatus}`);
      }
    }
    const states = fixtures.length;
    const figures = {
      argoHealthStates: states,
      argoHealthWrong: wrong,
      kstatusStates: states,
      kstatusMismatch: mismatch,
    };
    return { figures, problems };
  },
};
