import type { Cloud } from "#sandbox/aws/cloud.ts";
import {
  type Actions,
  actionsOn,
  formatTags,
  page,
  paging,
  permit,
  policyActions,
  tagsOf,
} from "#sandbox/aws/iam/actions.ts";
import { iamOf, type User } from "#sandbox/aws/iam/model.ts";
import {
  attachUserPolicy,
  createAccessKey,
  createUser,
  deleteAccessKey,
  deleteUser,
  detachUserPolicy,
  findUser,
  putUserPolicy,
} from "#sandbox/aws/iam/users.ts";
import { requestTags } from "#sandbox/aws/policy/context.ts";
import { tagsAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export function userActions(cloud: Cloud): Actions {
  const on = actionsOn(cloud, "UserName", (account, name) => {
    const found = iamOf(cloud, account).users[name.toLowerCase()];
    return { arn: found?.arn ?? userArn(account, name), context: tagsOf(found) };
  });
  const { read, change } = on;
  return {
    ...read(
      "CreateUser",
      ["Tags"],
      ({ call, account, name, input }) => {
        const tags = tagsAt(input, "Tags");
        // Tags need a permission of their own, also at creation.
        if (Object.keys(tags).length > 0) permit(cloud, call, "TagUser", userArn(account, name), requestTags(tags));
        return { User: formatUser(createUser(cloud, account, { name, tags })) };
      },
      (input) => requestTags(tagsAt(input, "Tags")),
    ),
    ...read("GetUser", [], ({ account, name }) => ({ User: formatUser(findUser(cloud, account, name)) })),
    ...change("DeleteUser", [], ({ account, name }) => deleteUser(cloud, account, name)),
    ...policyActions("User", on, {
      find: (account, name) => findUser(cloud, account, name),
      put: (...policy) => putUserPolicy(cloud, ...policy),
      attach: (...policy) => attachUserPolicy(cloud, ...policy),
      detach: (...policy) => detachUserPolicy(cloud, ...policy),
    }),
    ...read("CreateAccessKey", [], ({ account, name }) => {
      const { id, secret, created } = createAccessKey(cloud, account, name);
      // The only answer with the secret.
      return {
        AccessKey: { UserName: name, AccessKeyId: id, Status: "Active", SecretAccessKey: secret, CreateDate: created },
      };
    }),
    ...read("ListAccessKeys", paging, ({ account, name, input }) => {
      const keys = findUser(cloud, account, name).accessKeys.map(({ id, created }) => {
        return { UserName: name, AccessKeyId: id, Status: "Active", CreateDate: created };
      });
      return page("AccessKeyMetadata", keys, input);
    }),
    ...change("DeleteAccessKey", ["AccessKeyId"], ({ account, name, text }) =>
      deleteAccessKey(cloud, account, name, text("AccessKeyId")),
    ),
  };
}

function userArn(account: string, name: string): string {
  return `arn:aws:iam::${account}:user/${name}`;
}

function formatUser({ path, name, id, arn, created, tags }: User): XmlValue {
  return { Path: path, UserName: name, UserId: id, Arn: arn, CreateDate: created, Tags: formatTags(tags) };
}
