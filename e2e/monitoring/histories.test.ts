import assert from "node:assert/strict";
import { firesAt } from "./evaluate.ts";
import { LIVES } from "./life.ts";
import { readRules } from "./rules.ts";

/** Those that judge by deadline or by whose keys they are. */
const JUDGED = [
  "KeyturnRotationStuck",
  "KeyturnOldCredentialNotRevoked",
  "KeyturnOrphanedResource",
  "KeyturnKeySlotsFull",
];

describe("alerts over the life of a rotation", function () {
  this.timeout(120_000);

  for (const { title, lived, fires } of LIVES) {
    const expected = Object.keys(fires).filter((alert) => JUDGED.includes(alert));
    it(`${title}: ${expected.length === 0 ? "fires nothing" : `fires ${expected.join(" and ")} alone`}`, async () => {
      const life = await lived();
      const rules = (await readRules()).alerts.filter(({ alert }) => JUDGED.includes(alert));
      assert.equal(rules.length, JUDGED.length);
      for (const rule of rules) {
        const at = firesAt(life, rule);
        const [from, to] = fires[rule.alert] ?? [];
        if (from === undefined || to === undefined) assert.equal(at, undefined, `${rule.alert} fires after ${at} ms`);
        else
          assert.ok(at !== undefined && at >= from && at <= to, `${rule.alert} fires at ${at}, not in ${from}..${to}`);
      }
    });
  }
});
