import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Agent } from "undici";
import { createAuthority } from "../certificates.ts";
import { downloadDefaults, findChecksum } from "./download.ts";
import type { DownloadOptions } from "./download.ts";
import { downloadMode, makeDefaults, makePrograms } from "./make.ts";
import type { DownloadMode, MakeOptions } from "./make.ts";
import { programs, stackPrograms } from "./programs.ts";
import type { ProgramKey } from "./programs.ts";
import { releaseOf } from "./releases.ts";
import type { Release } from "./releases.ts";

const run = promisify(execFile);
const sha256 = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex");
const says = (line: string): string => `#!/bin/sh\necho '${line}'\n`;
const KUBECTL = says("Client Version: v1.36.3");
const HTML = "<!doctype html><title>Log in to the network</title>";

/** A program of our own has no publisher but us. */
const published = [...stackPrograms, "helm"] as const satisfies readonly ProgramKey[];

type Answer = (response: ServerResponse) => void;
const body =
  (data: Buffer | string, status = 200): Answer =>
  (response) =>
    void response.writeHead(status).end(data);
const redirect =
  (location: string): Answer =>
  (response) =>
    void response.writeHead(302, { location }).end();
const silence: Answer = () => undefined;
/** Says that more will come, and ends. */
const cutShort: Answer = (response) => {
  response.writeHead(200, { "content-length": KUBECTL.length });
  response.write(KUBECTL.slice(0, 20), () => response.destroy());
};
const trickle: Answer = (response) => {
  response.writeHead(200);
  const timer = setInterval(() => response.write("#"), 20);
  response.on("close", () => {
    clearInterval(timer);
  });
};

describe("downloads of the stack's programs", function () {
  this.timeout(20_000);
  let server: Server;
  let origin: string;
  let dispatcher: Agent;
  let dir: string;
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const said: string[] = [];
  const built: string[] = [];

  before(async () => {
    const authority = createAuthority();
    const leaf = authority.issue({ cn: "publisher", names: ["127.0.0.1", "localhost"] });
    server = createServer(leaf, (request, response) => {
      asked.push(request.url ?? "");
      (answers.get(request.url ?? "") ?? body("no such file", 404))(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    dispatcher = new Agent({ connect: { ca: authority.pem } });
    dir = await mkdtemp(join(tmpdir(), "keyturn-download-"));
  });
  after(async () => {
    await dispatcher.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    answers.clear();
    for (const list of [asked, said, built]) list.length = 0;
    await rm(join(dir, "bin"), { recursive: true, force: true });
  });

  const local = (key: ProgramKey): Release | undefined => {
    const release = releaseOf(key, { os: "linux", arch: "x64" })!;
    const moved = (url: string): string => origin + new URL(url).pathname;
    return { ...release, url: moved(release.url), checksums: moved(release.checksums) };
  };
  const how = (over: Partial<DownloadOptions> = {}): DownloadOptions => ({
    ...downloadDefaults,
    dispatcher,
    reachMs: 1000,
    spanMs: 200,
    leastBytes: 1000,
    ...over,
  });
  const options = (mode: DownloadMode = "prefer", over: Partial<MakeOptions> = {}): MakeOptions => ({
    ...makeDefaults,
    mode,
    cache: dir,
    say: (line) => said.push(line),
    download: how(),
    releaseOf: local,
    build: async (_cache, program) => {
      built.push(program.name);
      return `/built/${program.name}`;
    },
    demandGo: async () => undefined,
    ...over,
  });
  const offer = (key: ProgramKey, data: Buffer | string, list?: string): void => {
    const { url, checksums } = local(key)!;
    answers.set(new URL(url).pathname, body(data));
    answers.set(new URL(checksums).pathname, body(list ?? sha256(data)));
  };
  const pathOf = (url: string | undefined): string => new URL(url ?? "").pathname;
  const leftovers = async (): Promise<readonly string[]> =>
    (await readdir(join(dir, "bin"), { recursive: true }).catch(() => [])).filter((name) =>
      /\.(download|unpacked)$/.test(name),
    );
  const one = async (key: ProgramKey, settings: MakeOptions): Promise<string | undefined> =>
    (await makePrograms([key], settings)).get(key);

  it("bring a plain file that runs, once its checksum is the published one", async () => {
    offer("kubectl", KUBECTL);
    const path = await one("kubectl", options());
    assert.equal(path, join(dir, "bin/kubernetes-v1.36.3/kubectl"));
    assert.equal((await run(path, [])).stdout, "Client Version: v1.36.3\n");
    assert.deepEqual(built, []);
    assert.deepEqual(await leftovers(), []);
    assert.match(
      said.at(-1) ?? "",
      /\[1\/1\] downloading kubectl v1\.36\.3 from 127\.0\.0\.1:\d+: 0s, its checksum is the published one/,
    );
  });

  it("take the program out of a tar archive and out of a zip archive", async () => {
    const folder = join(dir, "made");
    await mkdir(join(folder, "etcd-v3.6.7-linux-amd64"), { recursive: true });
    await writeFile(join(folder, "etcd-v3.6.7-linux-amd64/etcd"), says("etcd Version: 3.6.7"));
    await writeFile(join(folder, "vault"), says("Vault v1.21.1 (abc), built 2026-01-01"));
    await run("tar", ["-czf", "etcd.tar.gz", "etcd-v3.6.7-linux-amd64"], { cwd: folder });
    await run("python3", ["-m", "zipfile", "-c", "vault.zip", "vault"], { cwd: folder });
    const [tar, zip] = await Promise.all(["etcd.tar.gz", "vault.zip"].map((name) => readFile(join(folder, name))));
    offer(
      "etcd",
      tar!,
      `${"0".repeat(64)}  etcd-v3.6.7-linux-arm64.tar.gz\n${sha256(tar!)}  etcd-v3.6.7-linux-amd64.tar.gz\n`,
    );
    offer("vault", zip!, `${sha256(zip!)}  vault_1.21.1_linux_amd64.zip\n`);
    const made = await makePrograms(["etcd", "vault"], options());
    assert.equal((await run(made.get("etcd")!, [])).stdout, "etcd Version: 3.6.7\n");
    assert.match((await run(made.get("vault")!, [])).stdout, /^Vault v1\.21\.1/);
    assert.deepEqual(built, []);
    assert.deepEqual(await leftovers(), []);
  });

  it("follow the publisher to another address, as long as it is https", async () => {
    offer("kubectl", KUBECTL);
    answers.set("/elsewhere", body(KUBECTL));
    answers.set(pathOf(local("kubectl")?.url), redirect("/elsewhere"));
    await one("kubectl", options());
    assert.deepEqual(built, []);
  });

  describe("are given up for a build, with a line that says why, when", () => {
    const list = "/v1.36.3/bin/linux/amd64/kubectl.sha256";
    const file = "/v1.36.3/bin/linux/amd64/kubectl";
    for (const [sentence, path, answer, line] of [
      ["there is no checksum", list, body("gone", 404), /answers 404 for .*kubectl\.sha256/],
      [
        "a portal answers in the publisher's place",
        list,
        body(HTML),
        /does not have the checksum; something else may be answering/,
      ],
      [
        "the checksum is that of another file",
        list,
        body(`${sha256(KUBECTL)}  kubelet\n`),
        /does not have the checksum/,
      ],
      ["the list of checksums never ends", list, body("x".repeat(1_100_000)), /longer than a list of checksums/],
      ["nobody answers", list, silence, /has not answered within 1 s/],
      [
        "the checksum comes over http",
        list,
        redirect("http://127.0.0.1:1/kubectl.sha256"),
        /leads to http:.*which is not https/,
      ],
      ["the publisher fails", list, body("sorry", 503), /answers 503/],
      ["the file is not there", file, body("gone", 404), /answers 404 for .*kubectl$/],
      [
        "a portal sends a page for the file",
        file,
        body(HTML),
        /has the SHA-256 [0-9a-f]{64}, and [0-9a-f]{64} was published: it is not used/,
      ],
      ["the file is another one", file, body(says("Client Version: v1.36.3 # evil")), /it is not used/],
      ["the file is cut short", file, cutShort, /cannot be reached/],
      ["the file comes over http", file, redirect("http://127.0.0.1:1/kubectl"), /leads to http:.*which is not https/],
      ["addresses lead in a circle", file, redirect(file), /leads from one address to the next/],
      ["the file comes in a trickle", file, trickle, /comes too slowly/],
      ["the file does not come at all", file, silence, /comes too slowly/],
    ] as const) {
      it(sentence, async () => {
        offer("kubectl", KUBECTL);
        answers.set(path, answer);
        const began = performance.now();
        assert.equal(await one("kubectl", options()), "/built/kubectl");
        assert.ok(performance.now() - began < 5000);
        assert.deepEqual(built, ["kubectl"]);
        assert.deepEqual(said.filter((each) => line.test(each)).length, 1, said.join("\n"));
        assert.deepEqual(await leftovers(), []);
        assert.deepEqual(await readdir(join(dir, "bin/kubernetes-v1.36.3")).catch(() => []), []);
      });
    }

    it("the program is another version than the one that is pinned", async () => {
      offer("kubectl", says("Client Version: v1.36.4"));
      assert.equal(await one("kubectl", options()), "/built/kubectl");
      assert.match(said.at(-1) ?? "", /does not run here, or is not v1\.36\.3/);
    });

    it("the archive does not hold the program", async () => {
      offer("vault", "no archive", `${sha256("no archive")}  vault_1.21.1_linux_amd64.zip`);
      assert.equal(await one("vault", options()), "/built/vault");
      assert.match(said.at(-1) ?? "", /there is no vault in the archive/);
    });

    it("the digest that is written down here is another one than the publisher's", async () => {
      offer("kubectl", KUBECTL);
      const pinned = { [local("kubectl")!.url]: sha256("another file") };
      assert.equal(await one("kubectl", options("prefer", { download: how({ pinned }) })), "/built/kubectl");
      assert.match(said.at(-1) ?? "", /it is not used/);
    });

    it("the server's certificate is nobody's that is trusted", async () => {
      offer("kubectl", KUBECTL);
      const strict = new Agent();
      assert.equal(
        await one("kubectl", options("prefer", { download: how({ dispatcher: strict }) })),
        "/built/kubectl",
      );
      assert.match(said[0] ?? "", /cannot be reached \(.*CERT|SIGNATURE/);
      assert.deepEqual(asked, []);
      await strict.destroy();
    });

    it("the publisher's name is not known", async () => {
      const nowhere = {
        url: "https://publisher.invalid/kubectl",
        checksums: "https://publisher.invalid/kubectl.sha256",
      };
      assert.equal(await one("kubectl", options("prefer", { releaseOf: () => nowhere })), "/built/kubectl");
      assert.match(said[0] ?? "", /^downloads: publisher\.invalid cannot be reached/);
    });
  });

  it("cost a machine that nobody answers one wait for all programs together", async () => {
    for (const key of published) answers.set(pathOf(local(key)?.checksums), silence);
    const began = performance.now();
    await makePrograms(published, options());
    assert.ok(performance.now() - began < 2000);
    assert.deepEqual(
      built,
      published.map((key) => programs[key].name),
    );
    assert.equal(said.filter((line) => line.startsWith("downloads:")).length, 1);
  });

  it("that work for some programs leave only the others to be built", async () => {
    offer("kubectl", KUBECTL);
    const made = await makePrograms(["etcd", "kubectl"], options("prefer"), 1);
    assert.deepEqual(built, ["etcd"]);
    assert.equal(made.get("kubectl"), join(dir, "bin/kubernetes-v1.36.3/kubectl"));
    assert.ok(said.some((line) => line.startsWith("[2/3] downloading kubectl")));
  });

  describe("KEYTURN_DOWNLOADS", () => {
    it("never asks nobody", async () => {
      offer("kubectl", KUBECTL);
      assert.equal(await one("kubectl", options("never")), "/built/kubectl");
      assert.deepEqual([asked, said], [[], []]);
    });

    it("only builds nothing, neither where nothing is offered nor where the download fails", async () => {
      await assert.rejects(one("kubectl", options("only")), /KEYTURN_DOWNLOADS is only.*kubectl v1\.36\.3/);
      offer("kubectl", KUBECTL);
      answers.set("/v1.36.3/bin/linux/amd64/kubectl", body(HTML));
      await assert.rejects(one("kubectl", options("only")), /KEYTURN_DOWNLOADS is only/);
      assert.deepEqual(built, []);
    });

    it("is prefer when it is absent, and nothing but the three words", () => {
      assert.equal(downloadMode({}), "prefer");
      assert.equal(downloadMode({ KEYTURN_DOWNLOADS: "never" }), "never");
      assert.throws(() => downloadMode({ KEYTURN_DOWNLOADS: "yes" }), /may be prefer, only or never/);
    });
  });

  it("need no Go; a build asks for it before anything long begins", async () => {
    const demandGo = (names: readonly string[]): Promise<void> =>
      Promise.reject(new Error(`Go for ${names.join(", ")}`));
    offer("kubectl", KUBECTL);
    await one("kubectl", options("prefer", { demandGo }));
    asked.length = 0;
    await assert.rejects(makePrograms(["etcd", "kubectl"], options("prefer", { demandGo })), /Go for etcd$/);
    assert.deepEqual(
      asked.filter((path) => path.endsWith("/kubectl")),
      [],
    );
  });
});

describe("a publisher's checksum", () => {
  const digest = "ab".repeat(32);
  for (const [sentence, text, found] of [
    ["stands alone", `${digest}\n`, digest],
    ["stands alone without an end of line", digest.toUpperCase(), digest],
    ["stands in a list", `${"0".repeat(64)}  other\n${digest}  file.zip\n`, digest],
    ["stands in a list with a path or a star", `${digest} *./dist/file.zip`, digest],
    ["of a file with a longer name is not taken", `${digest}  my-file.zip\n${digest}  file.zip.sig`, undefined],
    ["that is too short is none", `${digest.slice(2)}  file.zip`, undefined],
    ["is not in an empty answer", "", undefined],
    ["is not in a page", HTML, undefined],
  ] as const) {
    it(sentence, () => {
      assert.equal(findChecksum(text, "file.zip"), found);
    });
  }
});

describe("a publisher's release", () => {
  const keys = Object.keys(programs) as ProgramKey[];

  it("is named for every program that somebody publishes, on Linux, over https, in the pinned version", () => {
    for (const arch of ["x64", "arm64"])
      for (const key of published) {
        const release = releaseOf(key, { os: "linux", arch })!;
        for (const url of [release.url, release.checksums]) {
          assert.equal(new URL(url).protocol, "https:");
          assert.ok(url.includes(programs[key].version.slice(1)), url);
        }
      }
  });

  it("is not there on another platform, where a build is what is left", () => {
    for (const platform of [
      { os: "darwin", arch: "arm64" },
      { os: "linux", arch: "riscv64" },
    ])
      for (const key of keys) assert.equal(releaseOf(key, platform), undefined);
  });
});
