import assert from "node:assert/strict";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { viewIdentity, type IdentityInput, type IdentityState } from "./identity.ts";

const now = new Date("2026-01-01T12:00:00Z");
type Spec = ServiceAccountLifecycle["spec"];
type Status = NonNullable<ServiceAccountLifecycle["status"]>;
type Record = NonNullable<Status["accounts"]>[number];

const spec: Spec = {
  owner: { team: "payments", contact: "payments@example.com" },
  purpose: "Exports invoices",
  accounts: [
    { name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } },
    { name: "task", aws: { connectionRef: { name: "aws" }, role: {} } },
  ],
};
const record = (more: Partial<Record> = {}): Record => ({
  name: "lake",
  target: "aws-user/111122223333/payments.exporter.lake",
  declaration: "{}",
  externalId: "AIDA1",
  pieces: ["principal"],
  state: "Active",
  ...more,
});
const object = (
  more: Partial<Spec> = {},
  accounts: readonly Record[] = [record()],
  metadata: Partial<ServiceAccountLifecycle["metadata"]> = {},
): ServiceAccountLifecycle => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "ServiceAccountLifecycle",
  metadata: { name: "exporter", namespace: "payments", uid: "u", resourceVersion: "1", ...metadata },
  spec: { ...spec, ...more },
  status: { accounts },
});
const onRecord = (status: Partial<Status>): ServiceAccountLifecycle => {
  const { status: former, ...rest } = object();
  return { ...rest, metadata: { ...rest.metadata, generation: 3 }, status: { ...former, ...status } };
};
const DOWN = [
  ["Suspending", "Suspended"],
  ["Suspended", "Suspended"],
  ["Decommissioning", "Decommissioned"],
  ["Decommissioned", "Decommissioned"],
] as const;
const input = (more: Partial<IdentityInput> = {}): IdentityInput => ({
  name: "exporter",
  account: "lake",
  object: object(),
  seenBefore: false,
  now,
  ...more,
});
const withoutLake = { accounts: spec.accounts.filter(({ name }) => name !== "lake") };

describe("an identity, as a rotation sees it", () => {
  const rows: readonly (readonly [string, IdentityInput, IdentityState])[] = [
    ["is Active with an account that stands", input(), "Active"],
    [
      "is Active without any account where none is asked for",
      input({ account: undefined, object: object({}, []) }),
      "Active",
    ],
    ["is not ready when it never was there", input({ object: undefined }), "NotReady"],
    ["has ended when it is gone", input({ object: undefined, seenBefore: true }), "Decommissioned"],
    [
      "has ended when it is being deleted",
      input({ object: object({}, [record()], { deletionTimestamp: "2026-01-01T11:59:59Z" }) }),
      "Decommissioned",
    ],
    ["is suspended at once when that is declared", input({ object: object({ state: "Suspended" }) }), "Suspended"],
    [
      "has ended at once when that is declared",
      input({ object: object({ state: "Decommissioned" }) }),
      "Decommissioned",
    ],
    [
      "has ended at its expiry, to the second",
      input({ object: object({ expiresAt: "2026-01-01T12:00:00Z" }) }),
      "Decommissioned",
    ],
    ["is Active until then", input({ object: object({ expiresAt: "2026-01-01T12:00:01Z" }) }), "Active"],
    [
      "has ended at its expiry in another zone",
      input({ object: object({ expiresAt: "2026-01-01T12:59:59+01:00" }) }),
      "Decommissioned",
    ],
    ...DOWN.flatMap(([state, end]): (readonly [string, IdentityInput, IdentityState])[] => [
      [
        `has ended with one that is kept down as ${state}`,
        input({ account: undefined, object: onRecord({ state, observedGeneration: 3 }) }),
        end,
      ],
      [
        `waits for one that was ${state} when its former spec was looked at`,
        input({ account: undefined, object: onRecord({ state, observedGeneration: 2 }) }),
        "NotReady",
      ],
      [
        `waits for one that is ${state} and was permitted to come back`,
        input({ account: undefined, object: onRecord({ state, observedGeneration: 3, permittedReturn: 3 }) }),
        "NotReady",
      ],
    ]),
    ...(["Pending", "Active", "Resuming"] as const).map((state): readonly [string, IdentityInput, IdentityState] => [
      `is Active with one that is on record as ${state}`,
      input({ account: undefined, object: onRecord({ state }) }),
      "Active",
    ]),
    [
      "waits for an end that was put off by somebody who may not",
      input({ account: undefined, object: onRecord({ state: "Active", permittedUntil: "2026-01-01T12:00:00Z" }) }),
      "NotReady",
    ],
    [
      "is Active until the end that was permitted",
      input({ account: undefined, object: onRecord({ state: "Active", permittedUntil: "2026-01-01T12:00:01Z" }) }),
      "Active",
    ],
    ["waits with an account that stands, too", input({ object: onRecord({ state: "Suspended" }) }), "NotReady"],
    [
      "has ended when its end is declared, whatever is on record",
      input({ object: { ...onRecord({ state: "Active" }), spec: { ...spec, state: "Suspended" } } }),
      "Suspended",
    ],
    ["has ended with an expiry that is no time", input({ object: object({ expiresAt: "soon" }) }), "Decommissioned"],
    [
      "expires although it is only suspended",
      input({ object: object({ state: "Suspended", expiresAt: "2026-01-01T11:00:00Z" }) }),
      "Decommissioned",
    ],
    ["is not ready before its account is on record", input({ object: object({}, []) }), "NotReady"],
    [
      "is not ready while its account is being made",
      input({ object: object({}, [record({ state: "Pending" })]) }),
      "NotReady",
    ],
    [
      "is not ready with an account that has no id yet",
      input({ object: object({}, [{ ...record(), externalId: undefined } as unknown as Record]) }),
      "NotReady",
    ],
    ["is not ready with an account that is no AWS user", input({ account: "task" }), "NotReady"],
    ["is not ready with an account that it never had", input({ account: "other" }), "NotReady"],
    [
      "is suspended until its account has been given back",
      input({ object: object({}, [record({ state: "Cut" })]) }),
      "Suspended",
    ],
    [
      "is suspended while its account is being cut",
      input({ object: object({}, [record({ state: "Leaving" })]) }),
      "Suspended",
    ],
    [
      "has ended for an account that is being taken out",
      input({ object: object(withoutLake, [record({ state: "Leaving" })]) }),
      "Decommissioned",
    ],
    [
      "has ended for an account that is deleted",
      input({ object: object({}, [record({ state: "Gone" })]) }),
      "Decommissioned",
    ],
    [
      "has ended for an account that is gone",
      input({ object: object(withoutLake, []), seenBefore: true }),
      "Decommissioned",
    ],
    ["is Active while a spec without the account is not in force", input({ object: object(withoutLake) }), "Active"],
  ];
  for (const [sentence, given, state] of rows) {
    it(sentence, () => {
      const view = viewIdentity(given);
      assert.equal(view.state, state);
      assert.equal(view.why === "", state === "Active");
    });
  }
});
