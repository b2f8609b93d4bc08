import type { Account, ServiceAccountLifecycleSpec } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { accountId } from "../../lane/ground.ts";
import type { ActiveRule, Match, StackServer } from "../../stack/fault-proxy.ts";
import type { Stage } from "../lifecycle/stage.ts";
import type { EndName } from "./ends.ts";
import type { Access, UncutMeter } from "./observer.ts";
import type { EndingTally } from "./tally.ts";

/** One entry of the table of cases: what an identity has, what is refused while it ends, and what must come of it. */
export interface LeaverCase {
  readonly id: string;
  /** How it leaves; each is a case of its own. */
  readonly ends: readonly EndName[];
  accounts(site: IdentitySite): readonly Account[];
  /** Names of the accounts that leave where one is left out of the spec; absent: all. */
  readonly leaving?: readonly string[];
  readonly spec?: Partial<ServiceAccountLifecycleSpec>;
  /** Makes it join in another way than to be applied and to become Ready. */
  join?(leaver: Leaver): Promise<void>;
  /** What stands beside what was declared, before everything is gathered. */
  load?(leaver: Leaver): Promise<void>;
  /** What is in the way, right before the end. */
  refuse?(leaver: Leaver): Promise<void>;
  /** No way is open until what is in the way has been taken out of it; absent: a way is open all the time. */
  readonly lifted?: true;
  /** Refused within 30 s although something else is refused (A1): those whose description this fits. */
  readonly meanwhile?: RegExp;
  /** Reason that the resource says meanwhile, and what its message names. */
  readonly says?: { readonly reason: string; readonly names?: RegExp };
  /** What the last message names. */
  readonly names?: RegExp;
  /** It is never proven, and that is right (another's account under its name). */
  readonly unproven?: true;
  /** It is not brought back after a suspension, for what was deleted does not come back. */
  readonly staysAway?: true;
}

/** A case that is being played. */
export interface Leaver {
  readonly stage: Stage;
  readonly site: IdentitySite;
  readonly it: LeaverCase;
  readonly end: EndName;
  readonly name: string;
  readonly accounts: readonly Account[];
  /** Names at IAM and Vault: account `lake`, `job`, `secrets`. */
  readonly user: string;
  readonly role: string;
  readonly entity: string;
  readonly accesses: Access[];
  readonly meter: UncutMeter;
  readonly tally: EndingTally;
  /** IAM itself refuses the operator these actions on this user or role. */
  readonly refuseByIam: (...verbs: readonly string[]) => Promise<void>;
  /** The proxy refuses what matches with 403; `body` matchers see the request's form. */
  readonly refuseByProxy: (server: StackServer, step: string, match: Match) => void;
  /** Counts a request that the provider will refuse by a rule of its own. */
  readonly expectRefused: (verb: string) => void;
  /** Done when the refusals are lifted. */
  readonly onLift: (undo: () => Promise<void>) => void;
  readonly lift: () => Promise<void>;
  /** Kinds of requests that were refused. */
  readonly refused: () => number;
  /** A request of the administrator at IAM. */
  readonly iam: (action: string, fields: Readonly<Record<string, string>>) => Promise<string>;
}

const always = 1_000_000;

export function leaverOf(
  stage: Stage,
  chosen: { readonly it: LeaverCase; readonly end: EndName; readonly name: string },
  counted: { readonly meter: UncutMeter; readonly tally: EndingTally },
): Leaver {
  const { site } = stage;
  const { it, name } = chosen;
  const { client } = site.lane.world.stack.aws;
  const undo: (() => Promise<void>)[] = [];
  const rules: ActiveRule[] = [];
  const steps = new Map<string, ActiveRule>();
  const user = site.awsName(name, "lake");
  const role = site.awsName(name, "job");
  const iam: Leaver["iam"] = (action, fields) => client.action("iam", action, fields);
  const isAbout = (verb: string): Match => about(verb, [user, role]);
  const note = (step: string, server: StackServer, match: Match, action: "count" | "refuse"): void => {
    const proxy = site.lane.proxies[server];
    const counts = proxy.add({ name: `${name}/${step}`, match, times: 1, action: { do: "delay", ms: 0 } });
    steps.set(step, counts);
    rules.push(counts);
    if (action === "count") return;
    const code = server === "kubernetes" ? "Forbidden" : server === "aws" ? "AccessDenied" : "permission denied";
    rules.push(
      proxy.add({ name: `${name}/${step}`, match, times: always, action: { do: "answer", status: 403, code } }),
    );
  };
  return {
    ...chosen,
    ...counted,
    ...{ stage, site, user, role, iam, entity: site.vaultName(name, "secrets") },
    accounts: it.accounts(site),
    accesses: [],
    async refuseByIam(...verbs) {
      const PolicyName = `${site.namespace}-forbid-${name}`;
      const PolicyArn = `arn:aws:iam::${accountId}:policy/${PolicyName}`;
      const Resource = [`user/*/${user}`, `role/*/${role}`].map((one) => `arn:aws:iam::${accountId}:${one}`);
      const Statement = [{ Effect: "Deny", Action: verbs.map((verb) => `iam:${verb}`), Resource }];
      const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
      await iam("CreatePolicy", { PolicyName, PolicyDocument });
      const attached = { UserName: `${site.namespace}-operator`, PolicyArn };
      await iam("AttachUserPolicy", attached);
      for (const verb of verbs) note(verb, "aws", isAbout(verb), "count");
      undo.push(async () => {
        await iam("DetachUserPolicy", attached);
        await iam("DeletePolicy", { PolicyArn });
      });
    },
    refuseByProxy: (server, step, match) => note(step, server, match, "refuse"),
    expectRefused: (verb) => note(verb, "aws", isAbout(verb), "count"),
    onLift: (one) => void undo.push(one),
    async lift() {
      for (const rule of rules.splice(0)) rule.remove();
      for (const one of undo.splice(0)) await one();
    },
    refused: () => [...steps.values()].filter((rule) => rule.hits() > 0).length,
  };
}

/** A request of IAM about one of these users or roles; `fields`: what its form must have besides. */
export function about(verb: string, names: readonly string[], fields: Readonly<Record<string, string>> = {}): Match {
  return (call, body) => {
    if (call.verb !== verb) return false;
    const form = new URLSearchParams(body);
    if (!names.includes(form.get("UserName") ?? form.get("RoleName") ?? "")) return false;
    return Object.entries(fields).every(([key, value]) => form.get(key) === value);
  };
}
