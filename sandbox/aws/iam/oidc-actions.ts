import type { Cloud } from "#sandbox/aws/cloud.ts";
import { type Actions, actionsOn, formatTags, permit, tagsOf } from "#sandbox/aws/iam/actions.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import {
  addClientId,
  createOidcProvider,
  deleteOidcProvider,
  findOidcProvider,
  oidcProviderArn,
} from "#sandbox/aws/iam/oidc-providers.ts";
import { requestTags } from "#sandbox/aws/policy/context.ts";
import { allowOnly, tagsAt, textAt, textsAt } from "#sandbox/aws/protocol/query.ts";

export function oidcActions(cloud: Cloud): Actions {
  const { read, change } = actionsOn(cloud, "OpenIDConnectProviderArn", (account, arn) => ({
    arn,
    context: tagsOf(iamOf(cloud, account).providers[arn]),
  }));
  return {
    CreateOpenIDConnectProvider(call, input) {
      allowOnly(input, "Url", "ClientIDList", "Tags");
      const [url, tags] = [textAt(input, "Url"), tagsAt(input, "Tags")];
      const { account } = call.caller;
      const arn = oidcProviderArn(account, url.replace(/^https:\/\//, ""));
      permit(cloud, call, "CreateOpenIDConnectProvider", arn, requestTags(tags));
      if (Object.keys(tags).length > 0) permit(cloud, call, "TagOpenIDConnectProvider", arn, requestTags(tags));
      createOidcProvider(cloud, account, { url, clientIds: textsAt(input, "ClientIDList"), tags });
      return { OpenIDConnectProviderArn: arn, Tags: formatTags(tags) };
    },
    ...read("GetOpenIDConnectProvider", [], ({ account, name }) => {
      const { url, clientIds, thumbprints, created, tags } = findOidcProvider(cloud, account, name);
      return {
        Url: url,
        ClientIDList: clientIds,
        ThumbprintList: thumbprints,
        CreateDate: created,
        Tags: formatTags(tags),
      };
    }),
    ListOpenIDConnectProviders(call, input) {
      allowOnly(input);
      const { account } = call.caller;
      permit(cloud, call, "ListOpenIDConnectProviders", `arn:aws:iam::${account}:oidc-provider/*`);
      return { OpenIDConnectProviderList: Object.keys(iamOf(cloud, account).providers).map((Arn) => ({ Arn })) };
    },
    ...change("DeleteOpenIDConnectProvider", [], ({ account, name }) => deleteOidcProvider(cloud, account, name)),
    ...change("AddClientIDToOpenIDConnectProvider", ["ClientID"], ({ account, name, text }) =>
      addClientId(cloud, account, name, text("ClientID")),
    ),
  };
}
