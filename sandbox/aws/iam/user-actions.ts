import { AwsFault, type Call, type Cloud } from "#sandbox/aws/cloud.ts";
import { findInline } from "#sandbox/aws/iam/attachments.ts";
import { iamOf, type User } from "#sandbox/aws/iam/model.ts";
import { arnOf, belowPath, formatDocument, formatTags, page, permit, tagsOf } from "#sandbox/aws/iam/requests.ts";
import { formatAttached } from "#sandbox/aws/iam/role-actions.ts";
import {
  attachUserPolicy,
  createAccessKey,
  createUser,
  deleteAccessKey,
  deleteUser,
  deleteUserPolicy,
  detachUserPolicy,
  findUser,
  listUsers,
  putUserPolicy,
} from "#sandbox/aws/iam/users.ts";
import { type ContextValues, requestTags } from "#sandbox/aws/policy/context.ts";
import { allowOnly, type QueryInput, tagsAt, textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { QueryAction } from "#sandbox/aws/protocol/query-service.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export function userActions(cloud: Cloud): Readonly<Record<string, QueryAction>> {
  function permitted(call: Call, action: string, name: string, context: ContextValues = {}, path = "/"): string {
    const { account } = call.caller;
    const found = iamOf(cloud, account).users[name.toLowerCase()];
    permit(cloud, call, action, arnOf("user", account, name, found, path), { ...tagsOf(found), ...context });
    return name;
  }

  return {
    CreateUser(call, input) {
      allowOnly(input, "UserName", "Path", "Tags");
      const [name, path, tags] = [textAt(input, "UserName"), tryTextAt(input, "Path"), tagsAt(input, "Tags")];
      permitted(call, "CreateUser", name, requestTags(tags), path);
      if (Object.keys(tags).length > 0) permitted(call, "TagUser", name, requestTags(tags), path);
      return { User: formatUser(createUser(cloud, call.caller.account, { name, path, tags }), "whole") };
    },
    GetUser(call, input) {
      allowOnly(input, "UserName");
      const name = permitted(call, "GetUser", nameAt(call, input));
      return { User: formatUser(findUser(cloud, call.caller.account, name), "whole") };
    },
    ListUsers(call, input) {
      allowOnly(input, "PathPrefix", "Marker", "MaxItems");
      const prefix = tryTextAt(input, "PathPrefix") ?? "/";
      permit(cloud, call, "ListUsers", `arn:aws:iam::${call.caller.account}:user${prefix}`);
      const users = belowPath(listUsers(cloud, call.caller.account), input);
      return page(
        "Users",
        users.map((user) => formatUser(user, "listed")),
        input,
      );
    },
    DeleteUser(call, input) {
      allowOnly(input, "UserName");
      deleteUser(cloud, call.caller.account, permitted(call, "DeleteUser", textAt(input, "UserName")));
      return undefined;
    },
    PutUserPolicy(call, input) {
      allowOnly(input, "UserName", "PolicyName", "PolicyDocument");
      const name = permitted(call, "PutUserPolicy", textAt(input, "UserName"));
      putUserPolicy(cloud, call.caller.account, name, textAt(input, "PolicyName"), textAt(input, "PolicyDocument"));
      return undefined;
    },
    GetUserPolicy(call, input) {
      allowOnly(input, "UserName", "PolicyName");
      const user = findUser(cloud, call.caller.account, permitted(call, "GetUserPolicy", textAt(input, "UserName")));
      const policy = textAt(input, "PolicyName");
      const document = formatDocument(findInline(user, policy, "user"));
      return { UserName: user.name, PolicyName: policy, PolicyDocument: document };
    },
    DeleteUserPolicy(call, input) {
      allowOnly(input, "UserName", "PolicyName");
      const name = permitted(call, "DeleteUserPolicy", textAt(input, "UserName"));
      deleteUserPolicy(cloud, call.caller.account, name, textAt(input, "PolicyName"));
      return undefined;
    },
    ListUserPolicies(call, input) {
      allowOnly(input, "UserName", "Marker", "MaxItems");
      const user = findUser(cloud, call.caller.account, permitted(call, "ListUserPolicies", textAt(input, "UserName")));
      return page("PolicyNames", Object.keys(user.inline).sort(), input);
    },
    AttachUserPolicy(call, input) {
      allowOnly(input, "UserName", "PolicyArn");
      const arn = textAt(input, "PolicyArn");
      const name = permitted(call, "AttachUserPolicy", textAt(input, "UserName"), { "iam:PolicyARN": arn });
      attachUserPolicy(cloud, call.caller.account, name, arn);
      return undefined;
    },
    DetachUserPolicy(call, input) {
      allowOnly(input, "UserName", "PolicyArn");
      const arn = textAt(input, "PolicyArn");
      const name = permitted(call, "DetachUserPolicy", textAt(input, "UserName"), { "iam:PolicyARN": arn });
      detachUserPolicy(cloud, call.caller.account, name, arn);
      return undefined;
    },
    ListAttachedUserPolicies(call, input) {
      allowOnly(input, "UserName", "PathPrefix", "Marker", "MaxItems");
      const name = permitted(call, "ListAttachedUserPolicies", textAt(input, "UserName"));
      const { attached } = findUser(cloud, call.caller.account, name);
      return page("AttachedPolicies", formatAttached(attached, input), input);
    },
    CreateAccessKey(call, input) {
      allowOnly(input, "UserName");
      const name = permitted(call, "CreateAccessKey", nameAt(call, input));
      const { id, secret, created } = createAccessKey(cloud, call.caller.account, name);
      // The one time that the secret is told.
      return {
        AccessKey: { UserName: name, AccessKeyId: id, Status: "Active", SecretAccessKey: secret, CreateDate: created },
      };
    },
    ListAccessKeys(call, input) {
      allowOnly(input, "UserName", "Marker", "MaxItems");
      const name = permitted(call, "ListAccessKeys", nameAt(call, input));
      const keys = findUser(cloud, call.caller.account, name).accessKeys.map(({ id, created }) => {
        return { UserName: name, AccessKeyId: id, Status: "Active", CreateDate: created };
      });
      return page("AccessKeyMetadata", keys, input);
    },
    DeleteAccessKey(call, input) {
      allowOnly(input, "UserName", "AccessKeyId");
      const name = permitted(call, "DeleteAccessKey", nameAt(call, input));
      deleteAccessKey(cloud, call.caller.account, name, textAt(input, "AccessKeyId"));
      return undefined;
    },
  };
}

/** The user that is meant: the caller, if none is named. @throws AwsFault ValidationError for a caller that is no user */
function nameAt({ caller }: Call, input: QueryInput): string {
  const name = tryTextAt(input, "UserName") ?? caller.context["aws:username"];
  if (name !== undefined) return name;
  throw new AwsFault("ValidationError", "Must specify userName when calling with non-User credentials");
}

function formatUser({ path, name, id, arn, created, tags }: User, extent: "whole" | "listed"): XmlValue {
  return {
    Path: path,
    UserName: name,
    UserId: id,
    Arn: arn,
    CreateDate: created,
    ...(extent === "whole" ? { Tags: formatTags(tags) } : {}),
  };
}
