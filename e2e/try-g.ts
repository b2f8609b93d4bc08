import { startWorld } from "./lane/world.ts";
import { startLane } from "./lane/lane.ts";
import { openIdentitySite } from "./lane/identity-site.ts";
import { compareOutside, readOutside } from "./lane/outside.ts";
const world = await startWorld({ say: console.log });
try {
  const lane = await startLane(world);
  let t = performance.now();
  const site = await openIdentitySite(lane, { name: "lane-1-1" });
  console.log("open", performance.now() - t);
  t = performance.now();
  const a = await readOutside(site);
  console.log("read", performance.now() - t);
  for (const [k, v] of a) console.log(k, JSON.stringify(v).slice(0, 300));
  console.log(compareOutside(a, await readOutside(site), { ids: true, versions: true }), await site.foreign.touched(), site.foreign.planted);
  const sal = site.identity("app", [site.kubernetesAccount({ roles: ["reader", "viewer"] }), site.awsUser({ policies: ["read"], inline: ["s3:Get*"], groups: ["staff"] }), site.vaultAccount({ policies: ["read"] })]);
  console.log((await site.apply(sal)).metadata.annotations);
  await world.stack.aws.client.createAccessKey("lane-1-1-foreign");
  console.log(await site.foreign.touched());
  t = performance.now();
  await site.close();
  console.log("close", performance.now() - t);
} catch (e) { console.log(e); } finally { await world.stop(); }
