import { runTenantAttempts } from "../../tenant/run.ts";
import { prepareTenants } from "../../tenant/world.ts";
import { accountId } from "../../lane/ground.ts";
import type { Scenario } from "./stage.ts";

/** Attempts of somebody who administers one namespace to get what is not theirs, with a running operator. */
export const tenants: Scenario = {
  id: "tenants",
  site: (name) => ({ watches: { namespace: `${name}-mallory`, others: [`${name}-victim`] } }),
  async play(stage) {
    const { site } = stage;
    const { proxies, world } = site.lane;
    const tenantsThere = await prepareTenants({
      stack: world.stack,
      operatorNamespace: site.operatorNamespace,
      attacker: `${site.namespace}-mallory`,
      victim: `${site.namespace}-victim`,
      accountId,
      awsUrl: proxies.aws.url,
      awsLogin: "aws-login",
      vaultUrl: proxies.vault.url,
      vaultRole: site.namespace,
    });
    try {
      const report = await runTenantAttempts(tenantsThere);
      stage.count("tenantAttempts", report.attempts);
      stage.count("tenantWins", report.wins.length);
      stage.say(
        `${report.attempts} attempts: ${report.refusedAtAdmission} refused at admission, ${report.accepted} left to the operator, ${report.wins.length} won`,
      );
      for (const name of report.wins) stage.broken("S13", "A tenant has got what is not theirs.", name);
      for (const line of report.surprises) stage.broken("S13", "An attempt ended elsewhere than it must.", line);
      for (const name of report.unjudged)
        stage.broken("RUN", "The operator has not looked at an attempt, so nothing is known of it.", name);
    } finally {
      await tenantsThere.remove();
    }
  },
};
