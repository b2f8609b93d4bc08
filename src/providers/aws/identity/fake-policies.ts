import { covers, readDocument, type Statement } from "../../../domain/policy-document/index.ts";
import type { FakeAws } from "../fake-calls.ts";
import { awsRefusal } from "../fake-refusal.ts";
import type { PolicyCalls } from "./contract.ts";
import type { FakeCall, FakeRights } from "./fake-calls.ts";

/** What a managed policy holds; another version is another document. */
export interface FakePolicy {
  readonly version: string;
  readonly document: string;
}

export interface FakeGroup {
  readonly attached: Set<string>;
  readonly inline: Map<string, string>;
}

const statement = (Effect: string): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect, Action: "*", Resource: "*" }] });

export const ALLOW_ALL = statement("Allow");
export const DENY_ALL = statement("Deny");

/** What managed policies and groups hold. A policy of which nothing was said allows everything; AWS's own deny by their names. */
export const fakePolicyCalls = (world: FakeAws, call: FakeCall): PolicyCalls => {
  const policy = (arn: string): FakePolicy => {
    if (world.policies?.has(arn) === false) throw noSuchEntity();
    return policyOf(world, arn);
  };
  const group = (name: string): FakeGroup => {
    if (world.groups?.has(name) === false) throw noSuchEntity();
    return groupOf(world, name);
  };
  return {
    defaultVersion: (arn) => call("defaultVersion", () => policy(arn).version),
    document: (arn, version) =>
      call("document", () => {
        if (policy(arn).version !== version) throw noSuchEntity();
        return policy(arn).document;
      }),
    attachedToGroup: (name) => call("attachedToGroup", () => [...group(name).attached]),
    inlineOfGroup: (name) => call("inlineOfGroup", () => [...group(name).inline.keys()]),
    groupDocument: (name, inline) =>
      call("groupDocument", () => {
        const document = group(name).inline.get(inline);
        if (document === undefined) throw noSuchEntity();
        return document;
      }),
  };
};

/**
 * Would IAM let the user or role do this now? Identity policies, groups and boundary; a Deny anywhere wins. Statements with conditions
 * never match.
 */
export const lets = (world: FakeAws, rights: FakeRights, action: string): boolean => {
  const groups = [...rights.memberOf].map((name) => groupOf(world, name));
  const documents = [
    ...rights.inline.values(),
    ...[...rights.attached].map((arn) => policyOf(world, arn).document),
    ...groups.flatMap(({ attached, inline }) => [
      ...inline.values(),
      ...[...attached].map((arn) => policyOf(world, arn).document),
    ]),
  ];
  const boundary = rights.boundary === undefined ? undefined : policyOf(world, rights.boundary).document;
  const says = (text: string, effect: Statement["Effect"]): boolean =>
    readDocument(text).Statement.some((each) => each.Effect === effect && matches(each, action));
  if ([...documents, ...(boundary === undefined ? [] : [boundary])].some((text) => says(text, "Deny"))) return false;
  return documents.some((text) => says(text, "Allow")) && (boundary === undefined || says(boundary, "Allow"));
};

const matches = ({ Action = [], Condition }: Statement, action: string): boolean =>
  Condition === undefined && Action.some((pattern) => covers(pattern, action.toLowerCase()));

const policyOf = (world: FakeAws, arn: string): FakePolicy => {
  const known = world.policyDocuments.get(arn);
  if (known !== undefined) return known;
  const denies = /:aws:policy\/(AWSDenyAll$|AWSCompromisedKeyQuarantine)/.test(arn);
  return { version: "v1", document: denies ? DENY_ALL : ALLOW_ALL };
};

const groupOf = (world: FakeAws, name: string): FakeGroup =>
  world.groupPolicies.get(name) ?? { attached: new Set(), inline: new Map() };

const noSuchEntity = () => awsRefusal("NotFound", "NoSuchEntity", 404);
