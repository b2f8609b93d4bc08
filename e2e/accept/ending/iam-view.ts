import { at, entries, parseXml, textAt } from "../../lane/xml.ts";
import type { Xml } from "../../lane/xml.ts";
import type { AwsClient } from "../../stack/aws.ts";
import { texts } from "../../stack/aws.ts";

/** One user or role as IAM holds it, with the texts of all policies that speak about it. */
export interface IamPrincipal {
  /** Inline policies and attachments, its own and its groups'. */
  readonly documents: readonly string[];
  readonly boundary: string | undefined;
  readonly inline: ReadonlyMap<string, string>;
  readonly attached: readonly string[];
  readonly groups: readonly string[];
}

/** What IAM holds at one moment, by `user/NAME` and `role/NAME`. */
export type IamView = ReadonlyMap<string, IamPrincipal>;

/** Reads IAM as its administrator. One request gives all principals, so that they are of one moment. */
export function iamReader(client: AwsClient): () => Promise<IamView> {
  const known = new Map<string, Promise<string>>();
  /** What a managed policy says; those of the tests are never given another version. */
  const document = (PolicyArn: string): Promise<string> => {
    const read = async (): Promise<string> => {
      const [VersionId = ""] = texts(await client.action("iam", "GetPolicy", { PolicyArn }), "DefaultVersionId");
      const [text = ""] = texts(await client.action("iam", "GetPolicyVersion", { PolicyArn, VersionId }), "Document");
      return plain(text);
    };
    const found = known.get(PolicyArn) ?? read();
    known.set(PolicyArn, found);
    return found;
  };
  const documents = (arns: readonly string[]): Promise<string[]> => Promise.all(arns.map(document));
  return async () => {
    const parameters = { "Filter.member.1": "User", "Filter.member.2": "Role", "Filter.member.3": "Group" };
    const xml = parseXml(await client.action("iam", "GetAccountAuthorizationDetails", parameters));
    const details = at(xml, "GetAccountAuthorizationDetailsResult");
    const groups = new Map(
      await Promise.all(
        entries(at(details, "GroupDetailList")).map(async (group) => {
          const own = [...inlineOf(group, "GroupPolicyList").values(), ...(await documents(attachedOf(group)))];
          return [textAt(group, "GroupName"), own] as const;
        }),
      ),
    );
    const principal = async (one: Xml, list: string): Promise<IamPrincipal> => {
      const inline = inlineOf(one, list);
      const attached = attachedOf(one);
      const memberOf = entries(at(one, "GroupList")).map(String);
      const arn = textAt(one, "PermissionsBoundary", "PermissionsBoundaryArn");
      const own = [...inline.values(), ...(await documents(attached))];
      return {
        documents: [...own, ...memberOf.flatMap((name) => groups.get(name) ?? [])],
        boundary: arn === "" ? undefined : await document(arn),
        ...{ inline, attached, groups: memberOf },
      };
    };
    const read = (kind: "User" | "Role") =>
      entries(at(details, `${kind}DetailList`)).map(
        async (one) =>
          [`${kind.toLowerCase()}/${textAt(one, `${kind}Name`)}`, await principal(one, `${kind}PolicyList`)] as const,
      );
    return new Map(await Promise.all([...read("User"), ...read("Role")]));
  };
}

const shared = new WeakMap<AwsClient, () => Promise<IamView>>();

/** As `iamReader`, for watches: those of all lanes that ask while a read is on its way are given that one. */
export function sharedIamReader(client: AwsClient): () => Promise<IamView> {
  const found = shared.get(client);
  if (found !== undefined) return found;
  const read = iamReader(client);
  let running: Promise<IamView> | undefined;
  const together = (): Promise<IamView> =>
    (running ??= read().finally(() => {
      running = undefined;
    }));
  shared.set(client, together);
  return together;
}

/**
 * By what IAM holds, would this action be allowed on anything? An explicit Deny of everything wins, then an Allow, and a boundary
 * must allow it too (docs: policy evaluation logic). In doubt yes: a Deny under a condition, or for some resources, denies nothing here.
 */
export function isAllowed({ documents, boundary }: IamPrincipal, action: string): boolean {
  const all = documents.flatMap(statementsOf);
  const bounds = boundary === undefined ? undefined : statementsOf(boundary);
  const denies = (one: Statement): boolean => one.Effect === "Deny" && isPlain(one) && names(one, action);
  const allows = (one: Statement): boolean => one.Effect === "Allow" && names(one, action);
  if ([...all, ...(bounds ?? [])].some(denies)) return false;
  return all.some(allows) && (bounds === undefined || bounds.some(allows));
}

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: object;
}

function statementsOf(text: string): readonly Statement[] {
  const { Statement = [] } = JSON.parse(text) as { Statement?: Statement | readonly Statement[] };
  return Array.isArray(Statement) ? (Statement as readonly Statement[]) : [Statement as Statement];
}

function isPlain({ Resource, Condition }: Statement): boolean {
  return Condition === undefined && listed(Resource).includes("*");
}

function names({ Action, NotAction }: Statement, action: string): boolean {
  const one = (pattern: string): boolean =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("*", ".*")
        .replaceAll("?", ".")}$`,
      "i",
    ).test(action);
  return Action === undefined ? !listed(NotAction).some(one) : listed(Action).some(one);
}

function listed(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

function inlineOf(xml: Xml, list: string): Map<string, string> {
  return new Map(
    entries(at(xml, list)).map((one) => [textAt(one, "PolicyName"), plain(textAt(one, "PolicyDocument"))]),
  );
}

function attachedOf(xml: Xml): string[] {
  return entries(at(xml, "AttachedManagedPolicies")).map((one) => textAt(one, "PolicyArn"));
}

function plain(text: string): string {
  return text.startsWith("%") ? decodeURIComponent(text) : text;
}
