import { parseArgs } from "node:util";
import { benchHold } from "./hold.ts";
import { benchPeer } from "./peer.ts";
import { benchPki } from "./pki.ts";

// `npm run bench -- pki | hold | peer`: figures of the operator on the real servers, without a fault proxy; the last line is JSON.

const usage = `bench pki [--count 1000] [--revocation Never|OnRetirement] [--workers N] [--idle SECONDS]
bench peer --dir DIR [--count 1000] [--workers N]
bench hold [--count 2000] [--workers N] [--idle SECONDS]
`;
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string" },
    dir: { type: "string" },
    revocation: { type: "string", default: "Never" },
    workers: { type: "string" },
    idle: { type: "string", default: "60" },
  },
});
const [command = ""] = positionals;
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const number = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(usage);
  process.exit(2);
};
const workers = flags.workers === undefined ? undefined : number(flags.workers);
const common = { workers, idleSeconds: number(flags.idle), say };
const { revocation } = flags;
const benches: Readonly<Record<string, () => Promise<object>>> = {
  pki: () =>
    benchPki({
      ...common,
      count: number(flags.count ?? "1000"),
      revocation: revocation === "OnRetirement" ? "OnRetirement" : "Never",
    }),
  peer: () => benchPeer({ ...common, count: number(flags.count ?? "1000"), dir: flags.dir ?? "" }),
  hold: () => benchHold({ ...common, count: number(flags.count ?? "2000") }),
};
const bench = benches[command];
if (bench === undefined || (command === "peer" && flags.dir === undefined)) {
  process.stderr.write(usage);
  process.exit(2);
}
process.stdout.write(`${JSON.stringify(await bench())}\n`);
process.exit(0);
