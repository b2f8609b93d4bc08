import type { IdentitySite } from "../../lane/identity-site.ts";
import { identityCondition } from "../../lane/identity.ts";
import type { Identity } from "../../lane/identity.ts";
import { atProviders, compareOutside, readOutside } from "../../lane/outside.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { Scenario, Stage } from "./stage.ts";
import { stillness } from "./stage.ts";

/** Existing identities that ask for it are taken over, with all they have; before they are wholly applied they are given back. */
export const adoptedIdentities: Scenario = {
  id: "adoption/identities",
  // What others have attached is told from what forbids by reading it.
  site: { leavers: true },
  async play(stage) {
    const { site } = stage;
    await plantAdoptable(site, "app");
    const accounts = (roles: "reader"[], missing: boolean): Identity["spec"]["accounts"] => [
      site.kubernetesAccount({ roles }),
      missing
        ? {
            name: "lake",
            aws: {
              connectionRef: { name: site.connections.aws },
              user: { policies: [site.policyArn("read"), site.policyArn("missing")] },
            },
          }
        : site.awsUser({ policies: ["read"], groups: ["staff"] }),
    ];
    const before = atProviders(await readOutside(site));
    // First a spec that cannot be applied, deleted again: nothing may have happened to what exists.
    const failing = site.identity("app", accounts([], true), { adoption: { mode: "IfAnnotated" } });
    await site.apply(failing);
    await waitFor("the spec has failed", async () => {
      const identity = await site.find("app");
      return (identity?.status?.failures?.count ?? 0) > 0 || identityCondition(identity, "Stalled")?.status === "True";
    });
    await sleep(2500);
    await site.team.delete(site.path("app"));
    await site.gone("app");
    await stillness(stage, 1500);
    const given = compareOutside(before, atProviders(await readOutside(site)), { ids: true });
    if (given.length === 0) stage.count("givenBack", 2);
    else
      stage.broken(
        "S5",
        "An adopted identity that was never wholly applied has not been given back as it was.",
        given.join("\n"),
      );
    // Then one that can.
    await site.apply(site.identity("app", accounts(["reader"], false), { adoption: { mode: "IfAnnotated" } }));
    await site.until("app", "Good");
    const after = await readOutside(site);
    for (const key of ["kubernetes/ServiceAccount/app", `aws/user/${site.awsName("app", "lake")}`]) {
      const [a, b] = [before.get(key), after.get(key)];
      if (a === undefined || b === undefined || a.id !== b.id)
        stage.broken("S12", "An adopted identity is not the same any more.", [a?.id, b?.id]);
      else stage.count("adopted");
    }
  },
};

/** An existing key and Secret are taken over by a rotation; deleted before its first verified rotation, they are untouched. */
export const adoptedKeys: Scenario = {
  id: "adoption/keys",
  async play(stage) {
    const { site } = stage;
    const { stack } = site.lane.world;
    const kube = stack.kubernetes.client;
    const userName = `${site.namespace}-legacy`;
    await stack.aws.client.createUser(userName, {
      path: `/keyturn/${site.namespace}/`,
      tags: { "keyturn.dev/adopt": `${site.namespace}/legacy` },
    });
    const key = await site.createKey(userName);
    await kube.create(`/api/v1/namespaces/${site.namespace}/secrets`, {
      metadata: { name: "legacy-aws", annotations: { "keyturn.dev/adopt": `${site.namespace}/legacy` } },
      stringData: { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey },
    });
    const path = `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/secretrotations/legacy`;
    const rotation = {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "SecretRotation",
      metadata: { name: "legacy", namespace: site.namespace },
      spec: {
        source: { awsAccessKey: { connectionRef: { name: site.connections.aws }, userName } },
        deliver: [
          {
            name: "app",
            kubernetesSecret: {
              name: "legacy-aws",
              keys: { accessKeyId: "AWS_ACCESS_KEY_ID", secretAccessKey: "AWS_SECRET_ACCESS_KEY" },
            },
          },
        ],
        adoption: { mode: "IfAnnotated" },
        dependents: [],
        verify: { successes: 1, soak: "0s" },
        retire: { overlap: "1s", deleteAfter: "1s" },
        progressDeadline: "5s",
        deletion: { holdFor: "0s" },
      },
    };
    const before = atProviders(await readOutside(site));
    const ready = async (): Promise<void> => {
      await waitFor("the key is taken over", async () => {
        const found = await kube.get<Identity>(path);
        if (identityCondition(found, "Ready")?.status === "True") return true;
        throw new Error(JSON.stringify(found.status).slice(0, 2000));
      });
    };
    await site.team.apply(path, rotation, "team");
    await ready();
    const current = (await kube.get(path))["status"] as { current?: { id?: string } };
    if (current.current?.id !== key.accessKeyId)
      stage.broken("S1", "The adopted key is not the current one.", current.current?.id);
    else stage.count("adopted");
    await site.team.delete(path);
    await waitFor("the rotation is gone", async () => (await kube.find(path)) === undefined);
    await stillness(stage, 1500);
    const touched = compareOutside(before, atProviders(await readOutside(site)), { ids: true });
    if (touched.length > 0)
      stage.broken("S5", "An adopted key was touched before its first rotation.", touched.join("\n"));
    else stage.count("givenBack");
    await stack.aws.client.getCallerIdentity(key).catch((error: unknown) => {
      stage.broken("S1", "An adopted key that was given back does not work any more.", String(error));
    });
  },
};

/** Things of others stand under the very names that ours would take: a Conflict, and they are untouched. */
export const namesTaken: Scenario = {
  id: "names-taken",
  async play(stage) {
    const { site } = stage;
    await plantTaken(site, "app");
    const before = atProviders(await readOutside(site));
    const planted = 7;
    stage.count("foreignPlanted", planted);
    // What takes tokens of a ServiceAccount needs one.
    const beside = site.kubernetesAccount({ name: "free", serviceAccountName: "free" });
    const alone: [string, Identity["spec"]["accounts"]][] = [
      ["ServiceAccount", [site.kubernetesAccount({ roles: ["reader"] })]],
      ["IAM user", [site.awsUser({ policies: ["read"] })]],
      ["IAM role", [beside, site.awsRole({ policies: ["read"] })]],
      ["Vault entity", [site.vaultAccount({ policies: ["read"] })]],
      ["AppRole", [site.vaultAccount({ name: "approle", policies: ["read"] })]],
      ["JWT role", [beside, site.vaultAccount({ name: "jwt", mode: "JWT", policies: ["read"] })]],
    ];
    for (const [what, accounts] of alone) {
      await site.apply(site.identity("app", accounts));
      await conflict(stage, what);
      await site.team.delete(site.path("app"));
      await site.gone("app");
    }
    await stillness(stage, 1500);
    const touched = compareOutside(before, atProviders(await readOutside(site)), { ids: true, versions: true });
    for (const line of touched) {
      stage.count("foreignTouched");
      stage.broken(
        "S5",
        "Something of others under our name was touched, or something of ours is left beside it.",
        line,
      );
    }
  },
};

async function conflict(stage: Stage, what: string): Promise<void> {
  const { site } = stage;
  try {
    await waitFor(
      `Conflict over the ${what}`,
      async () => {
        const identity = await site.find("app");
        const conditions = ["Conflict", "Stalled", "Ready"].map((type) => identityCondition(identity, type));
        if (
          conditions.some(
            (one) => one !== undefined && (one.type === "Conflict" || /Conflict|AlreadyExists/.test(one.reason)),
          )
        )
          return true;
        throw new Error(JSON.stringify(identity?.status).slice(0, 2500));
      },
      { timeout: 20_000 },
    );
  } catch (error) {
    stage.broken("S5", `No Conflict is told although the ${what}'s name is taken.`, String((error as Error).cause));
  }
}

async function plantTaken(site: IdentitySite, name: string): Promise<void> {
  const { stack } = site.lane.world;
  const { client: vault } = stack.vault;
  const { client: aws } = stack.aws;
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" }],
  });
  await stack.kubernetes.client.create(`/api/v1/namespaces/${site.namespace}/serviceaccounts`, { metadata: { name } });
  await aws.createUser(site.awsName(name, "lake"), { path: `/keyturn/${site.namespace}/` });
  await aws.createAccessKey(site.awsName(name, "lake"));
  await aws.action("iam", "CreateRole", {
    RoleName: site.awsName(name, "job"),
    Path: `/keyturn/${site.namespace}/`,
    AssumeRolePolicyDocument: trust,
  });
  await vault.call("POST", `identity/entity/name/${site.vaultName(name, "secrets")}`, { metadata: { team: "others" } });
  await vault.call("POST", `auth/approle/role/${site.vaultName(name, "approle")}`, { token_policies: [] });
  await vault.call("POST", `auth/approle/role/${site.vaultName(name, "approle")}/secret-id`, {});
  await vault.call("POST", `auth/jwt/role/${site.vaultName(name, "jwt")}`, {
    role_type: "jwt",
    user_claim: "sub",
    bound_audiences: ["vault"],
    bound_subject: `system:serviceaccount:${site.namespace}:somebody`,
  });
}

async function plantAdoptable(site: IdentitySite, name: string): Promise<void> {
  const { stack } = site.lane.world;
  const mark = `${site.namespace}/${name}`;
  const UserName = site.awsName(name, "lake");
  await stack.kubernetes.client.create(`/api/v1/namespaces/${site.namespace}/serviceaccounts`, {
    metadata: { name, annotations: { "keyturn.dev/adopt": mark, team: "legacy" } },
  });
  await stack.aws.client.createUser(UserName, {
    path: `/keyturn/${site.namespace}/`,
    tags: { "keyturn.dev/adopt": mark, team: "legacy" },
  });
  await site.createKey(UserName);
  await stack.aws.client.action("iam", "AttachUserPolicy", { UserName, PolicyArn: site.policyArn("read") });
  await stack.aws.client.action("iam", "AttachUserPolicy", { UserName, PolicyArn: site.policyArn("write") });
}
