import assert from "node:assert/strict";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { AccountClient } from "../../providers/account.ts";
import { awsAccount } from "../../providers/aws/account.ts";
import { awsRefusal, FakeAws, type FakeIamUser } from "../../providers/aws/fake-calls.ts";
import { IamMemory } from "../../providers/aws/identity/memory.ts";
import { LifecycleBench } from "./bench.fake.ts";

export const NAME = "payments.billing.lake";
export const USER = { kind: "user", name: NAME } as const;
export const AWS_DENY = "arn:aws:iam::aws:policy/AWSDenyAll";
export const forbidden = awsRefusal("PermissionDenied", "AccessDenied", 403);
/** Requests of every denial that there is. */
export const DENIALS = ["putInlinePolicy", "setBoundary", "attachPolicy"] as const;

/** An identity whose account `lake` lies at an IAM in memory, through the real client. */
export class IamBench {
  readonly bench = new LifecycleBench();
  readonly world: FakeAws;
  denyPolicyArn: string | undefined;

  constructor() {
    const { bench } = this.bench;
    this.world = new FakeAws(bench.clock, "111122223333");
    const memory = new IamMemory(bench.clock);
    const calls = this.world.calls(() => Promise.resolve({ accessKeyId: "AKIAOPERATOR", secretAccessKey: "operator" }));
    const { ports } = bench;
    bench.ports = {
      ...ports,
      accounts: {
        open: (connection, owner, declared, identity): AccountClient => {
          if (declared.aws === undefined) return ports.accounts.open(connection, owner, declared, identity);
          const { denyPolicyArn } = this;
          const place = { accountId: "111122223333", allowedPath: "/keyturn/payments/", issuer: undefined };
          const access = {
            use: <T>(run: (of: typeof calls, account: string) => Promise<T>) => run(calls, this.world.account),
          };
          return awsAccount(access, { ...place, memory, denyPolicyArn }, owner, {
            name: declared.name,
            aws: declared.aws,
          });
        },
      },
    };
  }

  static async joined(spec: Partial<ServiceAccountLifecycleSpec> = {}): Promise<IamBench> {
    const scene = new IamBench();
    await scene.join(spec);
    return scene;
  }

  async join(spec: Partial<ServiceAccountLifecycleSpec> = {}): Promise<void> {
    this.bench.apply(spec);
    await this.bench.toRest();
    assert.equal(this.bench.condition("Ready")?.reason, "AsDeclared");
    assert.equal(this.lets(), true);
  }

  get user(): FakeIamUser {
    const found = this.world.users.get(NAME);
    if (found === undefined) throw new Error("There is no user.");
    return found;
  }

  lets(action = "s3:GetObject"): boolean {
    return this.world.lets(USER, action);
  }

  refuse(...calls: readonly string[]): void {
    for (const call of calls) this.world.refuse(call, forbidden);
  }

  allow(...calls: readonly string[]): void {
    for (const call of calls) this.world.refuse(call, undefined);
  }

  /** So many passes, each when it was asked for or after so long. */
  async passes(most: number, everyMs = 1000): Promise<void> {
    for (let pass = 0; pass < most; pass += 1) {
      const outcome = await this.bench.pass();
      await this.bench.bench.clock.advance(Math.min(outcome.recheckAfterMs ?? everyMs, everyMs));
    }
  }
}
