import type { Call, Cloud } from "#sandbox/aws/cloud.ts";
import { iamOf } from "#sandbox/aws/iam/model.ts";
import {
  addClientId,
  createOidcProvider,
  deleteOidcProvider,
  findOidcProvider,
  listOidcProviders,
  oidcProviderArn,
  removeClientId,
  tagOidcProvider,
  untagOidcProvider,
} from "#sandbox/aws/iam/oidc-providers.ts";
import { formatTags, page, permit, tagsOf } from "#sandbox/aws/iam/requests.ts";
import { type ContextValues, requestTags } from "#sandbox/aws/policy/context.ts";
import { allowOnly, type QueryInput, tagsAt, textAt, textsAt } from "#sandbox/aws/protocol/query.ts";
import type { QueryAction } from "#sandbox/aws/protocol/query-service.ts";

export function oidcActions(cloud: Cloud): Readonly<Record<string, QueryAction>> {
  /** Asks permission for the provider of `OpenIDConnectProviderArn`. */
  function permitted(call: Call, action: string, input: QueryInput, context: ContextValues = {}): string {
    const arn = textAt(input, "OpenIDConnectProviderArn");
    const found = iamOf(cloud, call.caller.account).providers[arn];
    permit(cloud, call, action, arn, { ...tagsOf(found), ...context });
    return arn;
  }

  return {
    CreateOpenIDConnectProvider(call, input) {
      allowOnly(input, "Url", "ClientIDList", "ThumbprintList", "Tags");
      const [url, tags] = [textAt(input, "Url"), tagsAt(input, "Tags")];
      const arn = oidcProviderArn(call.caller.account, url.replace(/^https:\/\//, ""));
      permit(cloud, call, "CreateOpenIDConnectProvider", arn, requestTags(tags));
      if (Object.keys(tags).length > 0) permit(cloud, call, "TagOpenIDConnectProvider", arn, requestTags(tags));
      const provider = createOidcProvider(cloud, call.caller.account, {
        url,
        clientIds: textsAt(input, "ClientIDList"),
        thumbprints: textsAt(input, "ThumbprintList"),
        tags,
      });
      return { OpenIDConnectProviderArn: provider.arn, Tags: formatTags(tags) };
    },
    GetOpenIDConnectProvider(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn");
      const arn = permitted(call, "GetOpenIDConnectProvider", input);
      const { url, clientIds, thumbprints, created, tags } = findOidcProvider(cloud, call.caller.account, arn);
      return {
        Url: url,
        ClientIDList: clientIds,
        ThumbprintList: thumbprints,
        CreateDate: created,
        Tags: formatTags(tags),
      };
    },
    ListOpenIDConnectProviders(call, input) {
      allowOnly(input);
      permit(cloud, call, "ListOpenIDConnectProviders", `arn:aws:iam::${call.caller.account}:oidc-provider/*`);
      const providers = listOidcProviders(cloud, call.caller.account);
      return { OpenIDConnectProviderList: providers.map(({ arn }) => ({ Arn: arn })) };
    },
    DeleteOpenIDConnectProvider(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn");
      deleteOidcProvider(cloud, call.caller.account, permitted(call, "DeleteOpenIDConnectProvider", input));
      return undefined;
    },
    AddClientIDToOpenIDConnectProvider(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn", "ClientID");
      const arn = permitted(call, "AddClientIDToOpenIDConnectProvider", input);
      addClientId(cloud, call.caller.account, arn, textAt(input, "ClientID"));
      return undefined;
    },
    RemoveClientIDFromOpenIDConnectProvider(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn", "ClientID");
      const arn = permitted(call, "RemoveClientIDFromOpenIDConnectProvider", input);
      removeClientId(cloud, call.caller.account, arn, textAt(input, "ClientID"));
      return undefined;
    },
    TagOpenIDConnectProvider(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn", "Tags");
      const tags = tagsAt(input, "Tags");
      const arn = permitted(call, "TagOpenIDConnectProvider", input, requestTags(tags));
      tagOidcProvider(cloud, call.caller.account, arn, tags);
      return undefined;
    },
    UntagOpenIDConnectProvider(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn", "TagKeys");
      const keys = textsAt(input, "TagKeys");
      const arn = permitted(call, "UntagOpenIDConnectProvider", input, { "aws:TagKeys": keys });
      untagOidcProvider(cloud, call.caller.account, arn, keys);
      return undefined;
    },
    ListOpenIDConnectProviderTags(call, input) {
      allowOnly(input, "OpenIDConnectProviderArn", "Marker", "MaxItems");
      const arn = permitted(call, "ListOpenIDConnectProviderTags", input);
      const { tags } = findOidcProvider(cloud, call.caller.account, arn);
      return page("Tags", formatTags(tags), input);
    },
  };
}
