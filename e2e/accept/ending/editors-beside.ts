import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { VaultError } from "../../stack/vault.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import { accessKey } from "../lifecycle/credentials.ts";
import { answerTo, issued, rotationOf } from "../lifecycle/fifty.ts";
import { untilBack } from "./back.ts";
import { decodedData } from "../world-view.ts";
import { byReview, byToken } from "./access.ts";
import { annotated, everywhere, expired, folder, path, suspended, willExpire } from "./editors.ts";
import type { Access } from "./observer.ts";
import type { Attempt, StayCase, StayPlay } from "./stay.ts";

// What an editor does beside the resource: rotations of it (S3), other names for what it has, bindings of other namespaces (S14), keys by hand (S16).

/** A SecretRotation for an AppRole that the platform has made for the namespace. */
export function secretIds(
  { site, name }: StayPlay,
  role: string,
  options: { readonly called?: string; readonly identity?: string } = {},
): { readonly path: string; readonly secret: string; readonly object: { readonly spec: object } } {
  const { called = `${name}-ci`, identity } = options;
  const secret = `${called}-delivered`;
  return {
    secret,
    path: `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/secretrotations/${called}`,
    object: rotation(site, called, {
      ...(identity === undefined ? {} : { identityRef: { name: identity } }),
      source: { vaultAppRole: { connectionRef: { name: site.connections.vault }, role } },
      deliver: [
        { name: "app", kubernetesSecret: { name: secret, keys: { roleId: "ROLE_ID", secretId: "SECRET_ID" } } },
      ],
    }),
  };
}

/** A SecretRotation for an IAM user by its name, without an identity. */
export function keysOf(
  { site, name }: StayPlay,
  userName: string,
): { readonly path: string; readonly secret: string; readonly object: { readonly spec: object } } {
  const called = `${name}-keys`;
  return {
    secret: `${called}-delivered`,
    path: `/apis/keyturn.dev/v1alpha1/namespaces/${site.namespace}/secretrotations/${called}`,
    object: rotation(site, called, {
      source: { awsAccessKey: { connectionRef: { name: site.connections.aws }, userName } },
      deliver: [
        {
          name: "app",
          kubernetesSecret: {
            name: `${called}-delivered`,
            keys: { accessKeyId: "AWS_ACCESS_KEY_ID", secretAccessKey: "AWS_SECRET_ACCESS_KEY" },
          },
        },
      ],
    }),
  };
}

function rotation(site: IdentitySite, name: string, spec: object): { metadata: object; spec: object } {
  return {
    ...{ apiVersion: "keyturn.dev/v1alpha1", kind: "SecretRotation", metadata: { name, namespace: site.namespace } },
    spec: {
      dependents: [],
      verify: { successes: 1, soak: "0s" },
      retire: { overlap: "1s", deleteAfter: "1s" },
      progressDeadline: "5s",
      deletion: { holdFor: "1h" },
      ...spec,
    },
  };
}

/** What stands in a Secret now logs in; while there is no Secret, nothing does. */
export function delivered(play: StayPlay, secret: string): Access {
  const { site } = play;
  const read = async (): Promise<Record<string, string>> => {
    const found = await site.lane.world.stack.kubernetes.client.find(
      `/api/v1/namespaces/${site.namespace}/secrets/${secret}`,
    );
    return found === undefined ? {} : decodedData(found);
  };
  return {
    what: `what is in Secret ${secret}`,
    from: "own",
    async tryIt() {
      const { ROLE_ID, SECRET_ID, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY } = await read();
      if (accessKeyId !== undefined && AWS_SECRET_ACCESS_KEY !== undefined)
        return accessKey(site, { accessKeyId, secretAccessKey: AWS_SECRET_ACCESS_KEY }).tryIt();
      if (ROLE_ID === undefined || SECRET_ID === undefined) return "refused";
      try {
        const body = { role_id: ROLE_ID, secret_id: SECRET_ID };
        await site.lane.world.stack.vault.client.call("POST", "auth/approle/login", body);
        return "accepted";
      } catch (error) {
        if (error instanceof VaultError && (error.status === 400 || error.status === 403)) return "refused";
        throw error;
      }
    },
    close: () => undefined,
  };
}

/** An AppRole of the namespace with a rotation of the identity, whose secret id works. */
async function withSecretIds(play: StayPlay): Promise<readonly Access[]> {
  const { site, name } = play;
  const { client } = site.lane.world.stack.vault;
  const role = `keyturn.${site.namespace}.${name}-ci`;
  await client.call("POST", `auth/approle/role/${role}`, { token_policies: [site.vaultPolicy("read")] });
  play.onEnd(() => client.call("DELETE", `auth/approle/role/${role}`));
  const of = secretIds(play, `${name}-ci`, { identity: name });
  await site.team.apply(of.path, of.object, "team");
  const access = delivered(play, of.secret);
  await waitFor(`${name} has its secret id`, async () => (await answerTo(access)) === "accepted", { timeout: 90_000 });
  return [access];
}

const onRotation = (what: string, run: (play: StayPlay, path: string) => ReturnType<Attempt["run"]>): Attempt => ({
  what,
  run: (play) => run(play, secretIds(play, "").path),
});
const noted = (what: string, annotations: Readonly<Record<string, string>>): Attempt =>
  onRotation(`rotation ${what}`, (play, at) => play.editor.annotate(at, annotations));
const respecified = (what: string, spec: object): Attempt =>
  onRotation(`rotation ${what}`, (play, at) => play.editor.patch(at, { spec }));
/** A Secret that is not Keyturn's: a delivery there is refused, and tried again later and later. */
const intoTaken: Attempt = onRotation("rotation into a Secret of others", async (play, at) => {
  const { site, name, editor } = play;
  const secret = { metadata: { name: `${name}-taken` }, stringData: { is: "taken" } };
  await editor.send("POST", `/api/v1/namespaces/${site.namespace}/secrets`, secret);
  const kubernetesSecret = { name: `${name}-taken`, keys: { roleId: "ROLE_ID", secretId: "SECRET_ID" } };
  const answer = await editor.patch(at, { spec: { deliver: [{ name: "app", kubernetesSecret }] } });
  await editor.annotate(at, { "keyturn.dev/rotate-at": new Date().toISOString() });
  return answer;
});
const withAppRole = (id: string, more: Omit<StayCase, "id" | "accounts" | "load">): StayCase => ({
  ...{ id: `rotation/${id}`, accounts: everywhere, load: withSecretIds },
  ...more,
});

/** Somebody else's resource for what the identity has; nothing of it may log in. */
const another = (
  what: string,
  make: (play: StayPlay) => { readonly plural: string; readonly object: object; readonly secret?: string },
): Attempt => ({
  what,
  run(play) {
    const { plural, object, secret } = make(play);
    if (secret !== undefined) play.accesses.push(delivered(play, secret));
    return play.editor.send("POST", folder(play, plural), object);
  },
});
export const otherIdentity = (
  what: string,
  suffix: string,
  accounts: (site: IdentitySite, name: string) => readonly Account[],
): Attempt =>
  another(what, ({ site, name }) => ({
    plural: "serviceaccountlifecycles",
    object: site.identity(`${name}-${suffix}`, accounts(site, name)),
  }));
export const userByName = (site: IdentitySite, name: string): Account => ({
  name: "lake",
  aws: {
    connectionRef: { name: site.connections.aws },
    user: { name: site.awsName(name, "lake"), policies: [site.policyArn("read")] },
  },
});
export const keysByName: Attempt = another("keys of the user by its name", (play) => ({
  plural: "secretrotations",
  ...keysOf(play, play.site.awsName(play.name, "lake")),
}));
export const secretIdsByName: Attempt = another("secret ids of its AppRole by name", (play) => ({
  plural: "secretrotations",
  ...secretIds(play, `${play.name}.secrets`, { called: `${play.name}-ids` }),
}));

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const apiGroup = "rbac.authorization.k8s.io";

/** As an administrator of another namespace: a role of its own, bound to the identity's ServiceAccount. */
const bound = (what: string, suffix: string, subject: (play: StayPlay) => object): Attempt => ({
  what,
  async run(play) {
    const { site, name, editor } = play;
    const people = `${site.namespace}-people`;
    const role = `${name}-${suffix}`;
    const rules = [{ apiGroups: [""], resources: ["services"], verbs: ["list"] }];
    await editor.send("POST", `${rbac}/namespaces/${people}/roles`, { metadata: { name: role }, rules });
    return editor.send("POST", `${rbac}/namespaces/${people}/rolebindings`, {
      metadata: { name: role },
      roleRef: { apiGroup, kind: "Role", name: role },
      subjects: [subject(play)],
    });
  },
});
/** What a binding of that namespace would let it do: nobody's as long as nobody binds it. */
async function abroad(play: StayPlay): Promise<readonly Access[]> {
  const { site, name } = play;
  const people = `${site.namespace}-people`;
  const token = await site.lane.world.stack.kubernetes.client.serviceAccountToken(site.namespace, name);
  site.values.add(token);
  // Only once the end has come and it is bound; before there is nothing to be seen.
  const all = [
    byToken(site, token, name, `/api/v1/namespaces/${people}/services`, "others"),
    byReview(site, name, { namespace: people, resource: "services", verb: "list" }, "others"),
  ];
  laterOnes.set(play, all);
  return [];
}
const laterOnes = new WeakMap<StayPlay, readonly Access[]>();
const foreign = (what: string, suffix: string, subject: (play: StayPlay) => object): Attempt => {
  const { run } = bound(what, suffix, subject);
  return {
    what,
    async run(play) {
      const answer = await run(play);
      for (const one of laterOnes.get(play) ?? []) if (!play.accesses.includes(one)) play.accesses.push(one);
      return answer;
    },
  };
};

/** A key beside the rotation's that somebody has made with the identity's own rights: it must not come back with it. */
async function withPlantedKey(play: StayPlay): Promise<readonly Access[]> {
  const { site, name } = play;
  await site.team.apply(...rotationOf(site, name));
  await issued(site, name);
  // What turns up in the window of an intent would be taken for its late answer, and revoked.
  await sleep(5000);
  const secret = await site.lane.world.stack.kubernetes.client.get(
    `/api/v1/namespaces/${site.namespace}/secrets/${name}-aws`,
  );
  rotatedKey.set(play, decodedData(secret)["AWS_ACCESS_KEY_ID"]?.slice(-4) ?? "");
  return [];
}
const rotatedKey = new WeakMap<StayPlay, string>();
const cameBack: Attempt = {
  what: "keys made by hand before the end, and its return by the team",
  async run({ site, name, editor }) {
    const refused = await editor.patch(site.path(name), { spec: { state: "Active" } });
    await site.team.mergePatch(site.path(name), { spec: { state: "Active" } });
    await untilBack(site, name);
    return refused;
  },
};

export const casesBeside: readonly StayCase[] = [
  withAppRole("paused", {
    before: [
      noted("paused", { "keyturn.dev/paused": "true" }),
      noted("dry-run", { "keyturn.dev/dry-run": "true" }),
      respecified("with an overlap of a month", { retire: { overlap: "720h", deleteAfter: "1s" } }),
    ],
    end: suspended,
  }),
  withAppRole("backs-off", { before: [intoTaken, noted("paused", { "keyturn.dev/paused": "true" })], end: suspended }),
  withAppRole("retained", {
    before: [
      respecified("Retain", { deletion: { policy: "Retain" } }),
      onRotation("rotation deleted", (play, at) => play.editor.send("DELETE", at)),
    ],
    end: suspended,
  }),
  withAppRole("without-its-identity", {
    before: [respecified("without identityRef", { identityRef: null })],
    end: suspended,
    after: [
      noted("to rotate now", { "keyturn.dev/rotate-at": "2026-01-01T00:00:00Z" }),
      noted("tried again", { "keyturn.dev/retry": "1" }),
      {
        what: "another rotation of the identity",
        run(play) {
          const of = secretIds(play, `${play.name}-ci`, { identity: play.name, called: `${play.name}-more` });
          play.accesses.push(delivered(play, of.secret));
          return play.editor.send("POST", folder(play, "secretrotations"), of.object);
        },
      },
    ],
  }),
  {
    ...{ id: "other-names", accounts: everywhere, end: suspended },
    after: [
      otherIdentity("another identity for its user", "user", (site, name) => [userByName(site, name)]),
      otherIdentity("another one for its ServiceAccount", "sa", (site, name) => [
        site.kubernetesAccount({ serviceAccountName: name }),
      ]),
      otherIdentity("another one with its role", "role", (site, name) => [
        site.kubernetesAccount({ serviceAccountName: name, roles: ["reader"] }),
      ]),
      keysByName,
      secretIdsByName,
    ],
  },
  {
    ...{ id: "bound-abroad", accounts: everywhere, load: abroad, end: suspended },
    after: [
      foreign("ServiceAccount", "sa", ({ site, name }) => ({
        ...{ kind: "ServiceAccount", name, namespace: site.namespace },
      })),
      foreign("User", "user", ({ site, name }) => ({
        ...{ apiGroup, kind: "User", name: `system:serviceaccount:${site.namespace}:${name}` },
      })),
    ],
  },
  {
    ...{ id: "planted-key", accounts: everywhere, load: withPlantedKey, end: suspended },
    after: [annotated("reviewed", { "keyturn.dev/reviewed-at": "2026-12-01T00:00:00Z" }), cameBack],
    // The one that was made beside the rotation's, which comes back with it.
    only: (what, play) => what.startsWith("login by key") && !what.endsWith(rotatedKey.get(play) ?? ""),
  },
  {
    ...{ id: "annotations", accounts: everywhere, load: willExpire(8), end: expired },
    after: [
      annotated("reviewed", { "keyturn.dev/reviewed-at": "2026-12-01T00:00:00Z" }),
      annotated("retry", { "keyturn.dev/retry": "2" }),
      {
        what: "adoption",
        run: (play) => play.editor.patch(path(play), { spec: { adoption: { mode: "IfAnnotated" } } }),
      },
    ],
  },
];
