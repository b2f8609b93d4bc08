import {
  GetGroupPolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListAttachedGroupPoliciesCommand,
  ListGroupPoliciesCommand,
} from "@aws-sdk/client-iam";
import { odd } from "../../guard.ts";
import type { PolicyCalls } from "../contract.ts";
import { decoded, pages, type IamSender } from "../transport/sdk.ts";

export const policyCalls = ({ read }: IamSender): PolicyCalls => ({
  async defaultVersion(arn, signal) {
    const { answer } = await read("GetPolicy", new GetPolicyCommand({ PolicyArn: arn }), signal);
    if (answer.Policy?.Arn !== arn || !answer.Policy.DefaultVersionId) throw odd("GetPolicy");
    return answer.Policy.DefaultVersionId;
  },

  async document(arn, version, signal) {
    const command = new GetPolicyVersionCommand({ PolicyArn: arn, VersionId: version });
    const { answer } = await read("GetPolicyVersion", command, signal);
    if (answer.PolicyVersion?.VersionId !== version || answer.PolicyVersion.Document === undefined)
      throw odd("GetPolicyVersion");
    return decoded(answer.PolicyVersion.Document);
  },

  attachedToGroup: (group, signal) =>
    pages("ListAttachedGroupPolicies", async (next, operation) => {
      const command = new ListAttachedGroupPoliciesCommand({ GroupName: group, ...next });
      const { answer } = await read(operation, command, signal);
      const items = (answer.AttachedPolicies ?? []).map(({ PolicyArn }) => PolicyArn);
      return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
    }),

  inlineOfGroup: (group, signal) =>
    pages("ListGroupPolicies", async (next, operation) => {
      const { answer } = await read(operation, new ListGroupPoliciesCommand({ GroupName: group, ...next }), signal);
      return { items: answer.PolicyNames ?? [], isTruncated: answer.IsTruncated, marker: answer.Marker };
    }),

  async groupDocument(group, name, signal) {
    const command = new GetGroupPolicyCommand({ GroupName: group, PolicyName: name });
    const { answer } = await read("GetGroupPolicy", command, signal);
    if (answer.PolicyDocument === undefined) throw odd("GetGroupPolicy");
    return decoded(answer.PolicyDocument);
  },
});
