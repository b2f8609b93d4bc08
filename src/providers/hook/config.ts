import { CONNECTION_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import { parseDuration } from "../../kernel/duration.ts";
import { addressIn, endpointOf, isPrivateAddress } from "../endpoint.ts";
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
  const url = endpointOf(hook, "url", { path: true });
  const allowPrivateAddresses = hook.flag("allowPrivateAddresses");
  if (!allowPrivateAddresses && isPrivateAddress(addressIn(url)))
    throw invalidField(hook.at("url"), "must not be a private address unless spec.hook.allowPrivateAddresses is true");
  return { url, caBundle: caBundleOf(hook), allowPrivateAddresses };
};
