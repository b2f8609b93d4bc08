import {
  AddUserToGroupCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPermissionsBoundaryCommand,
  DeleteUserPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupsForUserCommand,
  ListRolePoliciesCommand,
  ListRolesCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  RemoveUserFromGroupCommand,
  TagRoleCommand,
  TagUserCommand,
  UntagRoleCommand,
  UntagUserCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
  type Tag,
} from "@aws-sdk/client-iam";
import { odd } from "../guard.ts";
import type { IdentityCalls, IdentityFacts } from "./contract.ts";
import { decoded, pages, unlessAbsent, type IamSender } from "./transport/sdk.ts";

/** Users and roles of an account: as many as 20,000 below one path. */
const MOST_LIST_PAGES = 200;

export const identityCalls = ({ read, write }: IamSender): IdentityCalls => {
  return {
    find: (who, signal) => unlessAbsent<IdentityFacts>((who.kind === "user" ? findUser : findRole)(who.name, signal)),

    create({ kind, name }, made, signal) {
      const boundary = made.boundary === undefined ? {} : { PermissionsBoundary: made.boundary };
      const common = { Path: made.path, Tags: tagsOf(made.tags), ...boundary };
      if (kind === "user") return write("CreateUser", new CreateUserCommand({ UserName: name, ...common }), signal);
      const { trust, maxSessionSeconds } = made;
      const role = {
        RoleName: name,
        AssumeRolePolicyDocument: trust,
        ...(maxSessionSeconds === undefined ? {} : { MaxSessionDuration: maxSessionSeconds }),
        ...common,
      };
      return write("CreateRole", new CreateRoleCommand(role), signal);
    },

    remove({ kind, name }, signal) {
      return kind === "user"
        ? write("DeleteUser", new DeleteUserCommand({ UserName: name }), signal)
        : write("DeleteRole", new DeleteRoleCommand({ RoleName: name }), signal);
    },

    tag({ kind, name }, tags, signal) {
      const Tags = tagsOf(tags);
      return kind === "user"
        ? write("TagUser", new TagUserCommand({ UserName: name, Tags }), signal)
        : write("TagRole", new TagRoleCommand({ RoleName: name, Tags }), signal);
    },

    untag({ kind, name }, keys, signal) {
      const TagKeys = [...keys];
      return kind === "user"
        ? write("UntagUser", new UntagUserCommand({ UserName: name, TagKeys }), signal)
        : write("UntagRole", new UntagRoleCommand({ RoleName: name, TagKeys }), signal);
    },

    setBoundary({ kind, name }, arn, signal) {
      const PermissionsBoundary = arn;
      if (kind === "user") {
        const command = new PutUserPermissionsBoundaryCommand({ UserName: name, PermissionsBoundary });
        return write("PutUserPermissionsBoundary", command, signal);
      }
      const command = new PutRolePermissionsBoundaryCommand({ RoleName: name, PermissionsBoundary });
      return write("PutRolePermissionsBoundary", command, signal);
    },

    removeBoundary({ kind, name }, signal) {
      if (kind === "user") {
        const command = new DeleteUserPermissionsBoundaryCommand({ UserName: name });
        return write("DeleteUserPermissionsBoundary", command, signal);
      }
      const command = new DeleteRolePermissionsBoundaryCommand({ RoleName: name });
      return write("DeleteRolePermissionsBoundary", command, signal);
    },

    attachedPolicies({ kind, name }, signal) {
      return pages(
        kind === "user" ? "ListAttachedUserPolicies" : "ListAttachedRolePolicies",
        async (next, operation) => {
          const { answer } =
            kind === "user"
              ? await read(operation, new ListAttachedUserPoliciesCommand({ UserName: name, ...next }), signal)
              : await read(operation, new ListAttachedRolePoliciesCommand({ RoleName: name, ...next }), signal);
          const items = (answer.AttachedPolicies ?? []).map(({ PolicyArn }) => PolicyArn);
          return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
        },
      );
    },

    attachPolicy({ kind, name }, arn, signal) {
      return kind === "user"
        ? write("AttachUserPolicy", new AttachUserPolicyCommand({ UserName: name, PolicyArn: arn }), signal)
        : write("AttachRolePolicy", new AttachRolePolicyCommand({ RoleName: name, PolicyArn: arn }), signal);
    },

    detachPolicy({ kind, name }, arn, signal) {
      return kind === "user"
        ? write("DetachUserPolicy", new DetachUserPolicyCommand({ UserName: name, PolicyArn: arn }), signal)
        : write("DetachRolePolicy", new DetachRolePolicyCommand({ RoleName: name, PolicyArn: arn }), signal);
    },

    inlinePolicies({ kind, name }, signal) {
      return pages(kind === "user" ? "ListUserPolicies" : "ListRolePolicies", async (next, operation) => {
        const { answer } =
          kind === "user"
            ? await read(operation, new ListUserPoliciesCommand({ UserName: name, ...next }), signal)
            : await read(operation, new ListRolePoliciesCommand({ RoleName: name, ...next }), signal);
        return { items: answer.PolicyNames ?? [], isTruncated: answer.IsTruncated, marker: answer.Marker };
      });
    },

    async inlinePolicy({ kind, name }, policy, signal) {
      const operation = kind === "user" ? "GetUserPolicy" : "GetRolePolicy";
      const document = async (): Promise<string> => {
        const { answer } =
          kind === "user"
            ? await read(operation, new GetUserPolicyCommand({ UserName: name, PolicyName: policy }), signal)
            : await read(operation, new GetRolePolicyCommand({ RoleName: name, PolicyName: policy }), signal);
        if (answer.PolicyDocument === undefined) throw odd(operation);
        return decoded(answer.PolicyDocument);
      };
      return unlessAbsent(document());
    },

    putInlinePolicy({ kind, name }, policy, document, signal) {
      const common = { PolicyName: policy, PolicyDocument: document };
      return kind === "user"
        ? write("PutUserPolicy", new PutUserPolicyCommand({ UserName: name, ...common }), signal)
        : write("PutRolePolicy", new PutRolePolicyCommand({ RoleName: name, ...common }), signal);
    },

    deleteInlinePolicy({ kind, name }, policy, signal) {
      return kind === "user"
        ? write("DeleteUserPolicy", new DeleteUserPolicyCommand({ UserName: name, PolicyName: policy }), signal)
        : write("DeleteRolePolicy", new DeleteRolePolicyCommand({ RoleName: name, PolicyName: policy }), signal);
    },

    groups(userName, signal) {
      return pages("ListGroupsForUser", async (next, operation) => {
        const { answer } = await read(operation, new ListGroupsForUserCommand({ UserName: userName, ...next }), signal);
        const items = (answer.Groups ?? []).map(({ GroupName }) => GroupName);
        return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
      });
    },

    joinGroup(userName, group, signal) {
      return write("AddUserToGroup", new AddUserToGroupCommand({ UserName: userName, GroupName: group }), signal);
    },

    leaveGroup(userName, group, signal) {
      const command = new RemoveUserFromGroupCommand({ UserName: userName, GroupName: group });
      return write("RemoveUserFromGroup", command, signal);
    },

    setTrust(roleName, document, signal) {
      const command = new UpdateAssumeRolePolicyCommand({ RoleName: roleName, PolicyDocument: document });
      return write("UpdateAssumeRolePolicy", command, signal);
    },

    setMaxSession(roleName, seconds, signal) {
      return write("UpdateRole", new UpdateRoleCommand({ RoleName: roleName, MaxSessionDuration: seconds }), signal);
    },

    list(kind, pathPrefix, signal) {
      const input = { PathPrefix: pathPrefix };
      return pages(
        kind === "user" ? "ListUsers" : "ListRoles",
        async (next, operation) => {
          if (kind === "user") {
            const { answer } = await read(operation, new ListUsersCommand({ ...input, ...next }), signal);
            const items = (answer.Users ?? []).map((user) => listed(user.UserName, user.Path));
            return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
          }
          const { answer } = await read(operation, new ListRolesCommand({ ...input, ...next }), signal);
          const items = (answer.Roles ?? []).map((role) => listed(role.RoleName, role.Path));
          return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
        },
        MOST_LIST_PAGES,
      );
    },
  };

  async function findUser(name: string, signal: AbortSignal) {
    const { answer, time } = await read("GetUser", new GetUserCommand({ UserName: name }), signal);
    const user = answer.User;
    if (user?.UserName !== name || user.Path === undefined || !user.UserId) throw odd("GetUser");
    return {
      id: user.UserId,
      path: user.Path,
      tags: tagsIn(user.Tags),
      boundary: user.PermissionsBoundary?.PermissionsBoundaryArn,
      trust: undefined,
      maxSessionSeconds: undefined,
      time,
    };
  }

  async function findRole(name: string, signal: AbortSignal) {
    const { answer, time } = await read("GetRole", new GetRoleCommand({ RoleName: name }), signal);
    const role = answer.Role;
    if (role?.RoleName !== name || role.Path === undefined || !role.RoleId) throw odd("GetRole");
    if (role.AssumeRolePolicyDocument === undefined) throw odd("GetRole");
    return {
      id: role.RoleId,
      path: role.Path,
      tags: tagsIn(role.Tags),
      boundary: role.PermissionsBoundary?.PermissionsBoundaryArn,
      trust: decoded(role.AssumeRolePolicyDocument),
      maxSessionSeconds: role.MaxSessionDuration,
      time,
    };
  }
};

const listed = (name: string | undefined, path: string | undefined) =>
  name === undefined || path === undefined ? undefined : { name, path };

const tagsOf = (tags: Readonly<Record<string, string>>): Tag[] =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

const tagsIn = (tags: readonly Tag[] | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
