import { randomBytes } from "node:crypto";
import type { HookRequest, ValueRules } from "../../domain/rotation/source.ts";
import type { Clock } from "../../kernel/clock.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { SecretMaterial } from "../../kernel/secret-material.ts";
import type {
  CallContext,
  CredentialSource,
  IssuedCredential,
  Listing,
  ObservedCredential,
  ProviderCapabilities,
  RefusalOutcome,
  SourceOwner,
  TargetObservation,
  VerifyOutcome,
} from "../contract.ts";
import { hookAnswerOdd, type HookCall, type HookVerb } from "./call.ts";
import { generate, generateWrong } from "./generate.ts";
import { reachingBehindHook } from "./reaching.ts";

export const HOOK_CAPABILITIES: ProviderCapabilities = {
  // Unless the spec says more.
  slots: 2,
  canDisable: false,
  materialShownOnce: true,
  reportsLastUse: false,
  // What is behind a hook may lock out who is refused too often: unless the spec says otherwise (settings.source.refusals).
  lockout: true,
  controlCounts: true,
  leavesNothing: false,
  marks: true,
  settleMs: 0,
};

export interface HookTarget {
  readonly cluster: string;
  readonly owner: SourceOwner;
  /** What the hook knows the holder by. */
  readonly target: string;
  /** Without it nothing can be issued, only listed and ended. */
  readonly request?: HookRequest | undefined;
}

const LONGEST_VALUE = 32 * 1024;
const LONGEST_ID = 128;

/**
 * Credentials of whatever a hook speaks for, by its four verbs. `create` makes one and `set` takes one that is made here, both marked with the
 * rotation's id, so that one whose answer was lost is found by it; `test` says which there are, and whether a value is accepted; `finish`
 * ends one.
 */
export const hookSource = (
  call: HookCall,
  target: HookTarget,
  options: { readonly clock: Clock },
): CredentialSource => {
  const { namespace, name, uid } = target.owner;
  const about = { resource: { cluster: target.cluster, namespace, name, uid }, target: target.target };

  const ask = (context: CallContext, verb: HookVerb, members: Readonly<Record<string, unknown>> = {}) =>
    reachingBehindHook(context, `target ${target.target}`, () => call(verb, { ...about, ...members }, context.signal));

  const test = (context: CallContext, material?: Readonly<Record<string, string>>) =>
    ask(context, "test", material === undefined ? {} : { material });

  const isAccepted = async (material: Readonly<Record<string, string>>, context: CallContext): Promise<boolean> => {
    const { accepted } = await test(context, material);
    if (typeof accepted !== "boolean") throw hookAnswerOdd("test");
    return accepted;
  };

  const listed = async (context: CallContext): Promise<readonly ObservedCredential[]> => {
    const { credentials } = await test(context);
    if (!Array.isArray(credentials) || credentials.length > 1000) throw hookAnswerOdd("test");
    return credentials.map(observed);
  };

  const made = async (context: CallContext, { fields, rules }: HookRequest, rotationId: string) => {
    if (rules === undefined) {
      const answer = await ask(context, "create", { rotationId });
      return { verb: "create" as const, answer, material: materialIn(answer["material"], fields) };
    }
    const material = await generate(rules);
    const answer = await ask(context, "set", { rotationId, material: handed(material, rules) });
    return { verb: "set" as const, answer, material };
  };

  return {
    capabilities: capabilitiesOf(target),

    async observeTarget(context): Promise<TargetObservation> {
      try {
        await listed(context);
        // The hook is told whose request it is, and answers for what is whose.
        return { exists: true, allowed: true, ownedByName: true };
      } catch (thrown) {
        if (thrown instanceof OperatorError && thrown.code === "NotFound") return { exists: false, allowed: true };
        throw thrown;
      }
    },
    markOwner: () => Promise.resolve(),

    async list(context): Promise<Listing> {
      return { credentials: await listed(context), providerTime: options.clock.now() };
    },

    lastUse: () => Promise.resolve({ kind: "unknown" }),

    async issue(context, rotationId): Promise<IssuedCredential> {
      const { request } = target;
      if (request === undefined)
        throw new OperatorError("Unknown", { publicMessage: "Nothing can be issued without a request." });
      // Whoever has no limit of its own gets this one: a hook that is asked for one more makes it.
      if ((await listed(context)).length >= request.slots)
        throw new OperatorError("QuotaExceeded", {
          publicMessage: `The hook's target has ${request.slots} credentials already (slots in spec.source).`,
        });
      const { verb, answer, material } = await made(context, request, rotationId ?? "none");
      const { id } = answer;
      if (!isId(id)) throw hookAnswerOdd(verb);
      const expiresAt = timeIn(answer["expiresAt"]);
      return { id, material, issuedAt: options.clock.now(), ...(expiresAt === undefined ? {} : { expiresAt }) };
    },

    async verify(material, _issuedAt, context): Promise<VerifyOutcome> {
      return { kind: (await isAccepted(material.reveal(), context)) ? "usable" : "rejected" };
    },

    async negativeControl(material, context): Promise<RefusalOutcome> {
      const rules = target.request?.rules;
      const wrong = rules === undefined ? misShuffled(material) : (await generateWrong(rules)).reveal();
      return { kind: (await isAccepted(wrong, context)) ? "accepted" : "refused" };
    },

    async proveRefused(material, context): Promise<RefusalOutcome> {
      return { kind: (await isAccepted(material.reveal(), context)) ? "accepted" : "refused" };
    },

    setEnabled: () =>
      Promise.reject(
        new OperatorError("InvalidSpec", { publicMessage: "A hook's credential cannot be disabled, only ended." }),
      ),

    async revoke(id, context): Promise<"removed" | "alreadyAbsent"> {
      const { ended } = await ask(context, "finish", { id });
      if (typeof ended !== "boolean") throw hookAnswerOdd("finish");
      return ended ? "removed" : "alreadyAbsent";
    },
  };
};

const capabilitiesOf = ({ request }: HookTarget): ProviderCapabilities =>
  request === undefined
    ? HOOK_CAPABILITIES
    : {
        ...HOOK_CAPABILITIES,
        slots: request.slots,
        lockout: request.refusalsCount,
        controlCounts: request.refusalsCount,
      };

/** What is behind a hook needs the public half of a key pair to let its owner in; the whole of it is only ever tried. */
const handed = (material: SecretMaterial, { kind }: ValueRules): Readonly<Record<string, string>> => {
  const { publicKey = "", ...rest } = material.reveal();
  return kind === "sshKey" ? { publicKey } : rest;
};

const isId = (value: unknown): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= LONGEST_ID && /^[\x21-\x7e]+$/.test(value);

const timeIn = (value: unknown): Date | undefined => {
  if (value === undefined || value === null) return undefined;
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) throw hookAnswerOdd("create");
  return new Date(time);
};

const observed = (entry: unknown): ObservedCredential => {
  const { id, rotationId, createdAt, expiresAt } = (
    typeof entry === "object" && entry !== null ? entry : {}
  ) as Readonly<Record<string, unknown>>;
  const time = typeof createdAt === "string" ? Date.parse(createdAt) : NaN;
  if (!isId(id) || Number.isNaN(time)) throw hookAnswerOdd("test");
  return {
    id,
    createdAt: new Date(time),
    enabled: true,
    mark: typeof rotationId === "string" ? rotationId : undefined,
    expiresAt: timeIn(expiresAt),
  };
};

/** Exactly the fields that the spec names: what is more would be delivered to nobody, and what is less is not whole. */
const materialIn = (value: unknown, fields: readonly string[]): SecretMaterial => {
  const given = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const whole = fields.every((field) => {
    const text = given[field];
    return typeof text === "string" && text !== "" && text.length <= LONGEST_VALUE;
  });
  if (!whole || Object.keys(given).length !== fields.length)
    throw new OperatorError("InvalidSpec", {
      publicMessage: `The hook's create did not answer with exactly the fields ${fields.join(", ")} (spec.source.hook.fields).`,
    });
  return new SecretMaterial(given as Readonly<Record<string, string>>);
};

/** Of the same shape, and nobody's. */
const misShuffled = (material: SecretMaterial): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(material.reveal()).map(([field, value]) => [
      field,
      randomBytes(value.length).toString("base64url").slice(0, value.length),
    ]),
  );
