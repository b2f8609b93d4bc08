import { equal } from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsClient, AwsError, texts } from "./aws.ts";
import type { AwsClient } from "./aws.ts";
import { createAuthority } from "./certificates.ts";
import type { MinistackHost } from "./ministack.ts";
import { PortClash } from "./server.ts";
import { startAws } from "./servers.ts";
import { startSupervisor } from "./supervisor.ts";
import { ensureMoto } from "./toolchain.ts";

/** moto alone, without a control plane. It ends with this process, and carries a ministack beside it where one is wanted. */
export interface IamServer extends MinistackHost {
  /** The administrator's client. */
  readonly client: AwsClient;
  readonly region: string;
  stop(): Promise<void>;
}

/** Starts moto on a free port of loopback with a certificate of its own test CA; installs it at the first time. */
export async function startIam(): Promise<IamServer> {
  const tools = { motoPython: await ensureMoto() };
  for (let attempt = 1; ; attempt += 1) {
    const supervisor = startSupervisor();
    try {
      const dir = await mkdtemp(join(tmpdir(), "keyturn-iam-"));
      supervisor.removeAtEnd(dir);
      const authority = createAuthority();
      const ca = { pem: authority.pem, file: join(dir, "ca.crt"), authority };
      await Promise.all([mkdir(join(dir, "logs")), mkdir(join(dir, "tmp")), writeFile(ca.file, ca.pem)]);
      const aws = await startAws({ supervisor, tools, folder: dir, authority });
      const client = awsClient({ url: aws.url, ca: ca.pem, region: aws.region, key: aws.admin });
      const hooks: (() => Promise<void>)[] = [];
      return {
        ...{ dir, ca, supervisor, client, region: aws.region },
        onStop: (hook) => void hooks.push(hook),
        async stop() {
          for (const hook of hooks.reverse()) await hook();
          client.close();
          await aws.server.kill9();
          await supervisor.quit();
          await rm(dir, { recursive: true, force: true });
        },
      };
    } catch (error) {
      await supervisor.quit();
      if (!(error instanceof PortClash) || attempt === 3) throw error;
    }
  }
}

/** Registers the start and the end of one moto for the tests of a `describe`; returns what reads its client. */
export function withIam(): () => AwsClient {
  let server: IamServer | undefined;
  before(async function () {
    this.timeout(600_000);
    server = await startIam();
  });
  after(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error("moto is not started yet");
    return server.client;
  };
}

/** Demands that a call is refused in these words: `ACTION: STATUS CODE: MESSAGE`, or only how they begin. */
export async function refused(call: Promise<unknown>, words: string): Promise<void> {
  const outcome = await call.then(
    () => "it was not refused",
    (error: unknown) => {
      if (error instanceof AwsError) return error.message;
      throw error;
    },
  );
  equal(outcome.slice(0, words.length), words);
}

/** The one text of an element in an answer. */
export function textOf(xml: string, element: string): string {
  const [text, ...more] = texts(xml, element);
  if (text === undefined || more.length > 0) throw new Error(`the answer has not exactly one <${element}>: ${xml}`);
  return text;
}

export interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A policy document. */
export const documentOf = (...statements: readonly Statement[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });

export const allow = (Action: string | readonly string[], Resource: string | readonly string[] = "*"): Statement => ({
  ...{ Effect: "Allow", Action, Resource },
});

export const deny = (Action: string | readonly string[], Resource: string | readonly string[] = "*"): Statement => ({
  ...{ Effect: "Deny", Action, Resource },
});
