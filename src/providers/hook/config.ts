import { CONNECTION_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import { parseDuration } from "../../kernel/duration.ts";
import { isForbiddenAddress, isPrivateAddress } from "../endpoint.ts";
import { caBundleOf, invalidField, SpecNode } from "../spec.ts";

/** A service over HTTPS. */
export interface HookEndpoint {
  readonly url: URL;
  readonly caBundle: string | undefined;
  readonly allowPrivateAddresses: boolean;
}

/** A Job in the operator's namespace, one run for each request. */
export interface HookJob {
  readonly image: string;
  readonly command: readonly string[] | undefined;
  readonly serviceAccountName: string | undefined;
  readonly timeoutMs: number;
}

export interface HookConfig {
  /** Secret in the operator's namespace that holds the key which requests are signed and places are known by. */
  readonly signingSecret: string;
  readonly form: ({ readonly kind: "https" } & HookEndpoint) | ({ readonly kind: "job" } & HookJob);
}

/** Key of that Secret. */
export const SIGNING_KEY = "signingKey";

/** `spec.hook` of a ProviderConnection. Throws InvalidSpec that names the field. */
export const hookConfig = (spec: unknown): HookConfig => {
  const hook = new SpecNode(spec, "spec.hook");
  const form = hook.oneOf(["url", "job"]);
  return {
    signingSecret: hook.node("signingSecretRef").text("name", OBJECT_NAME),
    form: form === "job" ? { kind: "job", ...jobOf(hook.node("job")) } : { kind: "https", ...endpointIn(hook) },
  };
};

const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

const jobOf = (job: SpecNode): HookJob => ({
  image: job.text("image", /^[\x21-\x7e]+$/, { longest: 512 }),
  command: job.texts("command", 32, 1024),
  serviceAccountName: job.optionalText("serviceAccountName", OBJECT_NAME),
  timeoutMs: parseDuration(job.text("timeout", /^[0-9hms]+$/, { fallback: CONNECTION_DEFAULTS.hookJobTimeout })) ?? 0,
});

const endpointIn = (hook: SpecNode): HookEndpoint => {
  const field = hook.at("url");
  const text = hook.text("url", /^https:\/\/[\x21-\x7e]+$/, { longest: 512 });
  if (!URL.canParse(text)) throw invalidField(field, "must be an https URL");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") throw invalidField(field, "must not hold user information");
  if (text.includes("?") || text.includes("#")) throw invalidField(field, "must not have a query or a fragment");
  if (url.port === "0") throw invalidField(field, "must not name port 0");
  const allowPrivateAddresses = hook.flag("allowPrivateAddresses");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isForbiddenAddress(host)) throw invalidField(field, "must not be a link-local address");
  if (!allowPrivateAddresses && isPrivateAddress(host))
    throw invalidField(field, "must not be a private address unless spec.hook.allowPrivateAddresses is true");
  return { url, caBundle: caBundleOf(hook), allowPrivateAddresses };
};
