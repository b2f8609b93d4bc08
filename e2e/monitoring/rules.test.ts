import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { METRICS } from "../../src/telemetry/metric-table.ts";
import { root } from "../lane/paths.ts";
import { cases } from "./cases.ts";
import { readRules } from "./rules.ts";

const read = (path: string): Promise<string> => readFile(join(root, path), "utf8");
const SERVED = new Set(
  Object.values(METRICS).flatMap(({ name, type }) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

describe("alerting rules", () => {
  it("each have a case that fires and one that does not, and there is no case without its rule", async () => {
    const { alerts } = await readRules();
    assert.deepEqual(Object.keys(cases).sort(), alerts.map(({ alert }) => alert).sort());
    assert.ok(alerts.length >= 20);
  });

  it("each have a runbook that says what to look at and what to do, and there is no runbook without its rule", async () => {
    const { alerts } = await readRules();
    const pages = await readdir(join(root, "docs/runbooks"));
    assert.deepEqual(pages.sort(), alerts.map(({ alert }) => `${alert}.md`).sort());
    for (const { alert } of alerts) {
      const page = await read(`docs/runbooks/${alert}.md`);
      assert.match(page, new RegExp(`^# ${alert}\\n[\\s\\S]+\\n## Look\\n[\\s\\S]+\\n## Do\\n\\n\\* `), alert);
    }
  });

  it("say how bad it is, what it means and what to do, and where the runbook is", async () => {
    for (const { alert, labels, annotations } of (await readRules()).alerts) {
      assert.ok(["info", "warning", "critical"].includes(labels["severity"] ?? ""), alert);
      assert.ok((annotations["summary"] ?? "").length > 20 && (annotations["description"] ?? "").length > 20, alert);
      assert.equal(annotations["runbook_url"], `https://keyturn.dev/runbooks/${alert}`);
    }
  });

  it("are the rows of docs/reference/alerts.md", async () => {
    const rows = [
      ...(await read("docs/reference/alerts.md")).matchAll(/^\| \[(\w+)\]\([^)]+\) \| (\w+) \| (\w+) \|/gm),
    ];
    assert.deepEqual(
      rows.map(([, alert, severity, wait]) => [alert, severity, wait]),
      (await readRules()).alerts.map((rule) => [rule.alert, rule.labels["severity"], rule.for ?? "0m"]),
    );
  });

  it("ask for no metric that is not served", async () => {
    const { alerts, recordings } = await readRules();
    const recorded = new Set(recordings.map(({ record }) => record));
    for (const { expr } of [...alerts, ...recordings])
      for (const [name] of expr.matchAll(/\bkeyturn[_:][a-z0-9_:]+/g))
        assert.ok(SERVED.has(name) || recorded.has(name), name);
  });
});
