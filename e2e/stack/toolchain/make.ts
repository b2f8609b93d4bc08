import { build, demandGo } from "./build.ts";
import { download, downloadDefaults, DownloadFailed, publishedChecksum } from "./download.ts";
import type { DownloadOptions } from "./download.ts";
import { duration } from "./long-command.ts";
import { programs } from "./programs.ts";
import type { ProgramKey } from "./programs.ts";
import { releaseOf } from "./releases.ts";
import type { Release } from "./releases.ts";

/** `prefer`: download where it is possible, else build. `only`: never build. `never`: always build. */
export type DownloadMode = "prefer" | "only" | "never";

export interface MakeOptions {
  readonly mode: DownloadMode;
  readonly cache: string;
  readonly say: (line: string) => void;
  readonly download: DownloadOptions;
  readonly releaseOf: (key: ProgramKey) => Release | undefined;
  readonly build: typeof build;
  readonly demandGo: typeof demandGo;
}

export const makeDefaults = {
  download: downloadDefaults,
  releaseOf: (key: ProgramKey) => releaseOf(key),
  build,
  demandGo,
} as const satisfies Partial<MakeOptions>;

/** `KEYTURN_DOWNLOADS`; absent means prefer. */
export function downloadMode(env: NodeJS.ProcessEnv = process.env): DownloadMode {
  const asked = env["KEYTURN_DOWNLOADS"] ?? "prefer";
  if (asked === "prefer" || asked === "only" || asked === "never") return asked;
  throw new Error(`KEYTURN_DOWNLOADS is "${asked}"; it may be prefer, only or never`);
}

/** What is known of a missing program before anything long begins. */
export type Offer =
  | { readonly kind: "download"; readonly release: Release; readonly checksum: string }
  | { readonly kind: "build"; readonly why: string };

/**
 * Makes programs that are nowhere on this machine: the publisher's release where it can be had, checked against the publisher's
 * checksum, else a build from source. Asks all publishers at once, so that a machine without internet loses some seconds only.
 */
export async function makePrograms(
  keys: readonly ProgramKey[],
  options: MakeOptions,
  others = 0,
): Promise<ReadonlyMap<ProgramKey, string>> {
  const { say, mode } = options;
  const offers = await Promise.all(keys.map((key) => offerFor(key, options)));
  for (const why of new Set(offers.map((offer) => (offer.kind === "build" ? offer.why : ""))))
    if (why !== "") say(`downloads: ${why}`);
  const toBuild = keys.filter((_, i) => offers[i]?.kind === "build");
  if (mode === "only" && toBuild.length > 0) throw onlyDownloads(toBuild);
  if (toBuild.length > 0) await options.demandGo(toBuild.map((key) => programs[key].name));
  const made = new Map<ProgramKey, string>();
  for (const [i, key] of keys.entries())
    made.set(key, await make(key, offers[i], `[${i + 1}/${keys.length + others}]`, options));
  return made;
}

/** Never throws: what cannot be downloaded is built. */
export async function offerFor(key: ProgramKey, { mode, download: how, releaseOf: find }: MakeOptions): Promise<Offer> {
  if (mode === "never") return { kind: "build", why: "" };
  const release = find(key);
  if (release === undefined) return { kind: "build", why: `no release of ${programs[key].name} for this platform` };
  try {
    return { kind: "download", release, checksum: await publishedChecksum(release, how) };
  } catch (error) {
    return { kind: "build", why: reason(error) };
  }
}

const make = async (key: ProgramKey, offer: Offer | undefined, step: string, options: MakeOptions): Promise<string> => {
  const { cache, say, mode } = options;
  const program = programs[key];
  if (offer?.kind !== "download") return options.build(cache, program, step, say);
  const title = `${step} downloading ${program.name} ${program.version} from ${new URL(offer.release.url).host}`;
  const began = Date.now();
  const took = (): string => duration(Date.now() - began);
  say(`${title} …`);
  const timer = setInterval(() => {
    say(`${title} … ${took()}`);
  }, 15_000);
  try {
    const path = await download({ program, ...offer }, cache, options.download);
    say(`${title}: ${took()}, its checksum is the published one`);
    return path;
  } catch (error) {
    say(`${title}: ${reason(error)}`);
  } finally {
    clearInterval(timer);
  }
  if (mode === "only") throw onlyDownloads([key]);
  await options.demandGo([program.name]);
  return options.build(cache, program, step, say);
};

const reason = (error: unknown): string =>
  error instanceof DownloadFailed ? error.message : `the download failed: ${(error as Error).message}`;

const onlyDownloads = (keys: readonly ProgramKey[]): Error =>
  new Error(
    `KEYTURN_DOWNLOADS is only, and these cannot be downloaded: ${keys.map((key) => `${programs[key].name} ${programs[key].version}`).join(", ")}`,
  );
