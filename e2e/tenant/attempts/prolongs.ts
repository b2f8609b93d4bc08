import type { Attacker, AtAdmission, Request } from "../attacker.ts";
import { creation, inCluster, lifecycles } from "../attacker.ts";
import type { TenantAttempt } from "../attempt.ts";
import { strayRights } from "../judge.ts";
import type { TenantWorld } from "../world.ts";

const PAST = "2020-01-01T00:00:00Z";
const AHEAD = "2090-06-30T00:00:00Z";
const LATER = "2099-01-01T00:00:00Z";
const DRY_RUN = "keyturn.dev/dry-run";

const wins = async (world: TenantWorld): Promise<boolean> => (await strayRights(world)).length > 0;

/**
 * An identity with a role on which the attacker holds no bind, as a cluster administrator made it; then what the attacker tries. One that has
 * ended never had the role: whoever has it afterwards has won. One that lives has it by right (`blessed` in world.ts).
 */
const attempt = (
  about: string,
  name: string,
  spec: object,
  expected: AtAdmission,
  run: (attacker: Attacker, path: string) => Promise<AtAdmission>,
): TenantAttempt => ({
  name: about,
  kind: "ClusterAdmin",
  expected,
  wins,
  async run(attacker) {
    await attacker.platform(creation(attacker, name, heldBack(attacker), { spec }));
    return run(attacker, `${lifecycles(attacker)}/${name}`);
  },
});

const heldBack = (attacker: Attacker): readonly object[] => [
  inCluster(attacker, [{ kind: "Role", name: attacker.names.heldBack }]),
];

const patch = (path: string, spec: object): Request => ({ method: "PATCH", path, body: { spec } });

/** One attempt for each request. */
const patched = (about: string, name: string, before: object, ...specs: readonly object[]): TenantAttempt =>
  attempt(about, name, before, "refused-at-admission", (attacker, path) =>
    attacker.attempt(...specs.map((spec) => patch(path, spec))),
  );

/** The whole object as it is, with another spec. */
const put = async (attacker: Attacker, path: string, spec: object): Promise<AtAdmission> => {
  const live = JSON.parse((await attacker.send({ method: "GET", path })).body) as { readonly spec: object };
  return attacker.attempt({ method: "PUT", path, body: { ...live, spec: { ...live.spec, ...spec } } });
};

/** Attempts to bring back, prolong or keep what somebody with bind gave for a while. */
export const prolongAttempts: readonly TenantAttempt[] = [
  attempt("an end held up by a dry run", "dry-run", {}, "accepted", async (attacker, path) => {
    const body = { metadata: { annotations: { [DRY_RUN]: "true" } } };
    const answer = await attacker.attempt({ method: "PATCH", path, body });
    await attacker.platform(patch(path, { state: "Suspended" }));
    return answer;
  }),
  attempt("a role kept by Retain and a deletion", "retained", {}, "accepted", async (attacker, path) => {
    const answer = await attacker.attempt(patch(path, { deletion: { policy: "Retain" } }));
    await attacker.send({ method: "DELETE", path });
    return answer;
  }),
  patched("a suspension lifted", "suspended", { state: "Suspended" }, { state: "Active" }, { state: null }),
  attempt(
    "a suspension lifted by server-side apply",
    "suspended-ssa",
    { state: "Suspended" },
    "refused-at-admission",
    (attacker, path) =>
      attacker.attempt({
        method: "PATCH",
        type: "apply",
        path: `${path}?fieldManager=mallory&force=true`,
        body: { apiVersion: "keyturn.dev/v1alpha1", kind: "ServiceAccountLifecycle", spec: { state: "Active" } },
      }),
  ),
  attempt(
    "a suspension lifted by a PUT",
    "suspended-put",
    { state: "Suspended" },
    "refused-at-admission",
    (attacker, path) => put(attacker, path, { state: "Active", purpose: "Looks more harmless" }),
  ),
  patched(
    "a decommissioning undone",
    "decommissioned",
    { state: "Decommissioned" },
    { state: "Active" },
    { state: null },
  ),
  patched("an expiry undone", "expired", { expiresAt: PAST }, { expiresAt: LATER }, { expiresAt: null }),
  attempt(
    "an expiry taken off by a JSON patch",
    "expired-json",
    { expiresAt: PAST },
    "refused-at-admission",
    (attacker, path) =>
      attacker.attempt({ method: "PATCH", type: "json", path, body: [{ op: "remove", path: "/spec/expiresAt" }] }),
  ),
  patched(
    "an end put later before it has come",
    "lives-1",
    { expiresAt: AHEAD },
    { expiresAt: LATER },
    { expiresAt: "2090-06-30T00:00:00.000000001Z" },
    { expiresAt: "2090-06-30T00:00:00-00:01" },
    { expiresAt: null },
  ),
  attempt(
    "an end taken off by a PUT before it has come",
    "lives-2",
    { expiresAt: AHEAD },
    "refused-at-admission",
    async (attacker, path) => put(attacker, path, { expiresAt: undefined }),
  ),
  attempt(
    "an end brought forward and put back",
    "lives-3",
    { expiresAt: AHEAD },
    "refused-at-admission",
    async (attacker, path) => {
      const forward = patch(path, { expiresAt: "2089-01-01T00:00:00Z" });
      if ((await attacker.attempt(forward)) !== "accepted") throw new Error("an earlier end was refused");
      return attacker.attempt(patch(path, { expiresAt: AHEAD, purpose: "Looks more harmless" }));
    },
  ),
  attempt(
    "a deletion undone by a resource of the same name",
    "undone",
    { state: "Suspended" },
    "refused-at-admission",
    async (attacker, path) => {
      await attacker.send({ method: "DELETE", path });
      return attacker.attempt(creation(attacker, "undone", heldBack(attacker)));
    },
  ),
  attempt(
    "a status that says the end was permitted",
    "status-permitted",
    { expiresAt: PAST },
    "refused-at-admission",
    (attacker, path) =>
      attacker.attempt(
        ...[{ permittedUntil: LATER }, { permittedReturn: 1 }, { state: "Resuming" }].map((status): Request => ({
          method: "PATCH",
          path: `${path}/status`,
          body: { status },
        })),
      ),
  ),
];
