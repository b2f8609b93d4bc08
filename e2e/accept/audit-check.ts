import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { AuditRecord } from "../../src/audit/record.ts";
import { trailFiles } from "../../src/audit/files.ts";
import { verifyFolder } from "../../src/audit/trail.ts";
import { verifyTrail } from "../../src/audit/verify.ts";
import type { Call } from "../stack/fault-proxy.ts";
import type { Ground } from "../lane/ground.ts";
import type { Violation } from "./violation.ts";

interface Act {
  readonly action: string;
  readonly from: number;
  readonly to: number;
}

/** Clocks are the same machine's; a record is made just before the request and just after the answer. */
const slackMs = 30;

/**
 * S11: the chains verify; every mutation that the proxies saw on AWS, Vault data, Secrets and workloads lies between the begin
 * and the outcome of an act on record; and acts without an outcome are those of processes that were killed.
 */
export async function checkAudit(site: Ground, calls: readonly Call[], kills: number): Promise<Violation[]> {
  const violations: Violation[] = [];
  const acts: Act[] = [];
  let unended = 0;
  for (const folder of [
    site.auditDir,
    ...site
      .replicas()
      .slice(1)
      .map((_, i) => `${site.auditDir}-${i + 1}`),
  ]) {
    const names = await readdir(folder).catch(() => []);
    const files = await Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(folder, name)) })));
    const verdict = verifyTrail(files);
    if (!verdict.ok)
      violations.push({ invariant: "S11", what: "The audit chain does not verify.", evidence: breaks(verdict) });
    const { findings } = await verifyFolder(trailFiles(folder));
    // A replica that never led has written nothing.
    for (const { kind, file, line, what } of names.length === 0 ? [] : findings)
      violations.push({
        invariant: "S11",
        what: `The audit trail is not whole: ${kind}.`,
        evidence: `${file}:${line ?? 0}: ${what}`,
      });
    for (const { verdict: epoch } of verdict.epochs)
      if (epoch.ok) {
        unended += epoch.unended.length;
        acts.push(...actsOf(epoch.records));
      }
  }
  // A resource may be in the middle of an act when the process is killed; here there is one.
  if (unended > kills)
    violations.push({
      invariant: "S11",
      what: "Acts on record have no outcome although their process was not killed.",
      evidence: `${unended} without an outcome, ${kills} kills`,
    });
  for (const call of calls) {
    const allowed = actionsFor(call, site);
    if (allowed === undefined) continue;
    const covered = acts.some(
      ({ action, from, to }) => allowed.test(action) && from - slackMs <= call.at && call.at <= to + slackMs,
    );
    if (!covered)
      violations.push({
        invariant: "S11",
        what: `A mutating request has no act on record: ${call.server} ${call.verb} ${call.template}.`,
        evidence: JSON.stringify({
          at: new Date(call.at).toISOString(),
          path: call.path.slice(0, 200),
          status: call.status,
        }),
      });
  }
  return violations;
}

function actsOf(records: readonly AuditRecord[]): Act[] {
  const ends = new Map(
    records
      .filter(({ phase }) => phase === "succeeded" || phase === "failed")
      .map(({ act, time }) => [act, Date.parse(time)]),
  );
  return records
    .filter(({ phase }) => phase === "begin")
    .map(({ act, action, time }) => ({ action, from: Date.parse(time), to: ends.get(act) ?? Infinity }));
}

/** The acts that a request may be part of; undefined for requests that are no outside mutation. */
function actionsFor(call: Call, site: Ground): RegExp | undefined {
  if (!call.mutating || call.kind !== "write") return undefined;
  switch (call.server) {
    case "aws":
      return new RegExp(`^(aws:${call.verb}|account:\\w+)$`);
    case "vault":
      return /^\/v1\/(kv|identity|auth\/[^/]+\/role)\//.test(call.template) ? /^(vault|delivery|account):/ : undefined;
    case "hook":
      return /^(hook|delivery):/;
    case "kubernetes":
      if (call.template.endsWith("/secrets/{name}") || call.template.endsWith("/secrets"))
        return call.path.includes(`/namespaces/${site.operatorNamespace}/`)
          ? /^kubernetes:(StageSecret|PruneStaging|RestageSecret|TakeOverStaging)|^delivery:/
          : /^(kubernetes:(Publish|Withdraw)|delivery:)/;
      if (/\/(serviceaccounts|rolebindings|clusterrolebindings)(\/\{name\})?$/.test(call.template)) return /^account:/;
      return /\/(deployments|statefulsets|daemonsets|cronjobs)\/\{name\}$/.test(call.template)
        ? /^kubernetes:RollWorkload$/
        : undefined;
  }
}

function breaks(verdict: ReturnType<typeof verifyTrail>): string {
  const bad = verdict.epochs.flatMap(({ epoch, verdict: one }) => (one.ok ? [] : [{ epoch, ...one.break }]));
  return JSON.stringify({ bad, missingHeads: verdict.missingHeads });
}
