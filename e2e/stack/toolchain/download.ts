import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { EnvHttpProxyAgent, request } from "undici";
import type { Dispatcher } from "undici";
import { cachePath, saysItsVersion } from "./find.ts";
import type { Program } from "./programs.ts";
import { pinnedDigests } from "./releases.ts";
import type { Release } from "./releases.ts";

export interface DownloadOptions {
  /** How long the publisher has to give its checksum; beyond that it counts as out of reach. */
  readonly reachMs: number;
  /** In every span of this length at least `leastBytes` must come, or the download is given up. */
  readonly spanMs: number;
  readonly leastBytes: number;
  readonly dispatcher?: Dispatcher;
  readonly pinned?: Readonly<Record<string, string>>;
}

export const downloadDefaults: DownloadOptions = { reachMs: 4000, spanMs: 15_000, leastBytes: 1024 * 1024 };

const mostRedirects = 5;
/** No list of checksums is longer; a web page in its place may be. */
const longestList = 1024 * 1024;

/** Something about a download that is for people to read; whoever catches it builds instead. */
export class DownloadFailed extends Error {}

/** The SHA-256 that the publisher gives for its file. Throws DownloadFailed where it cannot be had. */
export async function publishedChecksum(release: Release, options: DownloadOptions): Promise<string> {
  const signal = AbortSignal.timeout(options.reachMs);
  const host = new URL(release.checksums).host;
  const text = await toText(release.checksums, options, signal).catch((error: unknown) => {
    throw new DownloadFailed(
      signal.aborted ? `${host} has not answered within ${options.reachMs / 1000} s` : why(error, host),
    );
  });
  const checksum = findChecksum(text, basename(new URL(release.url).pathname));
  if (checksum !== undefined) return checksum;
  throw new DownloadFailed(
    `${release.checksums} does not have the checksum; something else may be answering in its place`,
  );
}

/** `<hex>  <file>` in a list, also with a path or a star before the name; or a file with nothing but the checksum. */
export function findChecksum(text: string, file: string): string | undefined {
  const alone = /^([0-9a-f]{64})\s*$/i.exec(text)?.[1];
  const listed = text
    .split("\n")
    .map((line) => /^([0-9a-f]{64})[ \t]+\*?(?:\S*\/)?(\S+)\s*$/i.exec(line))
    .find((match) => match?.[2] === file)?.[1];
  return (alone ?? listed)?.toLowerCase();
}

/**
 * Downloads, checks, unpacks and tries the program, and only then puts it into the cache. Throws DownloadFailed, and leaves nothing
 * behind, when anything about it is not as it should be.
 */
export async function download(
  { program, release, checksum }: { readonly program: Program; readonly release: Release; readonly checksum: string },
  cache: string,
  options: DownloadOptions,
): Promise<string> {
  const path = cachePath(cache, program);
  const [file, unpacked] = [`${path}.${process.pid}.download`, `${path}.${process.pid}.unpacked`];
  await mkdir(dirname(path), { recursive: true });
  try {
    const actual = await toFile(release.url, file, options);
    demandDigest(release.url, actual, checksum);
    const pinned = (options.pinned ?? pinnedDigests)[release.url];
    if (pinned !== undefined) demandDigest(release.url, actual, pinned);
    const ready = release.member === undefined ? file : await unpack(file, release.member, unpacked);
    await chmod(ready, 0o755);
    if (!(await saysItsVersion(ready, program)))
      throw new DownloadFailed(`${basename(release.url)} does not run here, or is not ${program.version}`);
    await rename(ready, path);
    return path;
  } finally {
    await Promise.all([file, unpacked].map((each) => rm(each, { force: true })));
  }
}

const demandDigest = (url: string, actual: string, wanted: string): void => {
  if (actual === wanted.toLowerCase()) return;
  throw new DownloadFailed(`${basename(url)} has the SHA-256 ${actual}, and ${wanted} was published: it is not used`);
};

const unpack = async (archive: string, member: string, target: string): Promise<string> => {
  try {
    await promisify(execFile)("python3", [join(import.meta.dirname, "extract.py"), archive, member, target]);
    return target;
  } catch {
    throw new DownloadFailed(`there is no ${member} in the archive`);
  }
};

const toText = async (url: string, options: DownloadOptions, signal: AbortSignal): Promise<string> => {
  const body = await open(url, options, signal);
  let text = "";
  for await (const chunk of body) {
    text += (chunk as Buffer).toString("latin1");
    if (text.length > longestList) throw new DownloadFailed(`${url} is longer than a list of checksums`);
  }
  return text;
};

/** Gives the SHA-256 of what came. */
const toFile = async (url: string, file: string, options: DownloadOptions): Promise<string> => {
  const giveUp = new AbortController();
  const hash = createHash("sha256");
  let came = 0;
  const pace = setInterval(() => {
    if (came < options.leastBytes) giveUp.abort();
    came = 0;
  }, options.spanMs);
  try {
    const body = await open(url, options, giveUp.signal);
    const counting = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        came += chunk.length;
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(body, counting, createWriteStream(file), { signal: giveUp.signal });
    return hash.digest("hex");
  } catch (error) {
    const { host } = new URL(url);
    throw giveUp.signal.aborted
      ? new DownloadFailed(`${basename(url)} comes too slowly from ${host}`)
      : new DownloadFailed(why(error, host));
  } finally {
    clearInterval(pace);
  }
};

/** The body of an answer 200, after redirects, none of which may leave https. */
const open = async (
  url: string,
  options: DownloadOptions,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData["body"]> => {
  const dispatcher = options.dispatcher ?? (proxied ??= new EnvHttpProxyAgent());
  let at = new URL(url);
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    if (at.protocol !== "https:")
      throw new DownloadFailed(`${new URL(url).host} leads to ${at.protocol}//${at.host}, which is not https`);
    const answer = await request(at, { dispatcher, signal });
    if (answer.statusCode === 200) return answer.body;
    answer.body.on("error", () => undefined).destroy();
    const { location } = answer.headers;
    if (answer.statusCode < 300 || answer.statusCode > 399 || typeof location !== "string")
      throw new DownloadFailed(`${at.host} answers ${answer.statusCode} for ${at.pathname}`);
    at = new URL(location, at);
  }
  throw new DownloadFailed(`${new URL(url).host} leads from one address to the next`);
};
/** Obeys HTTPS_PROXY and NO_PROXY; made when it is needed. */
let proxied: Dispatcher | undefined;

const why = (error: unknown, host: string): string => {
  if (error instanceof DownloadFailed) return error.message;
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return `${host} cannot be reached (${code ?? message ?? "no answer"})`;
};
