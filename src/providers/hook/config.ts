import { isForbiddenAddress, isPrivateAddress } from "../endpoint.ts";
import { caBundleOf, invalidField, SpecNode } from "../spec.ts";

export interface HookConfig {
  readonly url: URL;
  readonly caBundle: string | undefined;
  /** Secret in the operator's namespace that holds the key which requests are signed with. */
  readonly signingSecret: string;
  readonly allowPrivateAddresses: boolean;
}

/** Key of that Secret. */
export const SIGNING_KEY = "signingKey";

/** `spec.hook` of a ProviderConnection. Throws InvalidSpec that names the field. */
export const hookConfig = (spec: unknown): HookConfig => {
  const hook = new SpecNode(spec, "spec.hook");
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
  return {
    url,
    caBundle: caBundleOf(hook),
    signingSecret: hook.node("signingSecretRef").text("name", /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/),
    allowPrivateAddresses,
  };
};
