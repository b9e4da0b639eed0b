import type { Call, Cloud } from "#sandbox/aws/cloud.ts";
import {
  countAttachments,
  countBoundaries,
  createPolicy,
  createPolicyVersion,
  deletePolicy,
  deletePolicyVersion,
  findPolicy,
  findVersion,
  tryFindPolicy,
} from "#sandbox/aws/iam/managed-policies.ts";
import type { ManagedPolicy, PolicyVersion } from "#sandbox/aws/iam/model.ts";
import { arnOf, formatDocument, formatTags, page, permit, tagsOf } from "#sandbox/aws/iam/requests.ts";
import { requestTags } from "#sandbox/aws/policy/context.ts";
import { allowOnly, booleanAt, type QueryInput, tagsAt, textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { QueryAction } from "#sandbox/aws/protocol/query-service.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

export function policyActions(cloud: Cloud): Readonly<Record<string, QueryAction>> {
  /** Asks permission for the policy of `PolicyArn`. */
  function permitted(call: Call, action: string, input: QueryInput): string {
    const arn = textAt(input, "PolicyArn");
    permit(cloud, call, action, arn, tagsOf(tryFindPolicy(cloud, call.caller.account, arn)));
    return arn;
  }

  return {
    CreatePolicy(call, input) {
      allowOnly(input, "PolicyName", "Path", "PolicyDocument", "Description", "Tags");
      const { account } = call.caller;
      const [name, path, tags] = [textAt(input, "PolicyName"), tryTextAt(input, "Path"), tagsAt(input, "Tags")];
      const arn = arnOf("policy", account, name, undefined, path);
      permit(cloud, call, "CreatePolicy", arn, requestTags(tags));
      if (Object.keys(tags).length > 0) permit(cloud, call, "TagPolicy", arn, requestTags(tags));
      const [document, description] = [textAt(input, "PolicyDocument"), tryTextAt(input, "Description")];
      return {
        Policy: format(cloud, account, createPolicy(cloud, account, { name, path, document, description, tags })),
      };
    },
    GetPolicy(call, input) {
      allowOnly(input, "PolicyArn");
      const arn = permitted(call, "GetPolicy", input);
      return { Policy: format(cloud, call.caller.account, findPolicy(cloud, call.caller.account, arn)) };
    },
    DeletePolicy(call, input) {
      allowOnly(input, "PolicyArn");
      deletePolicy(cloud, call.caller.account, permitted(call, "DeletePolicy", input));
      return undefined;
    },
    CreatePolicyVersion(call, input) {
      allowOnly(input, "PolicyArn", "PolicyDocument", "SetAsDefault");
      const arn = permitted(call, "CreatePolicyVersion", input);
      const isDefault = booleanAt(input, "SetAsDefault") ?? false;
      const { account } = call.caller;
      const version = createPolicyVersion(cloud, account, arn, textAt(input, "PolicyDocument"), isDefault);
      return { PolicyVersion: formatVersion(version, isDefault) };
    },
    GetPolicyVersion(call, input) {
      allowOnly(input, "PolicyArn", "VersionId");
      const policy = findPolicy(cloud, call.caller.account, permitted(call, "GetPolicyVersion", input));
      const version = findVersion(policy, textAt(input, "VersionId"));
      const document = formatDocument(version.document);
      return { PolicyVersion: { ...formatVersion(version, version.id === policy.defaultVersion), Document: document } };
    },
    DeletePolicyVersion(call, input) {
      allowOnly(input, "PolicyArn", "VersionId");
      const arn = permitted(call, "DeletePolicyVersion", input);
      deletePolicyVersion(cloud, call.caller.account, arn, textAt(input, "VersionId"));
      return undefined;
    },
    ListPolicyVersions(call, input) {
      allowOnly(input, "PolicyArn", "Marker", "MaxItems");
      const policy = findPolicy(cloud, call.caller.account, permitted(call, "ListPolicyVersions", input));
      const versions = policy.versions.map((version) => formatVersion(version, version.id === policy.defaultVersion));
      return page("Versions", versions, input);
    },
  };
}

function format(cloud: Cloud, account: string, policy: ManagedPolicy): XmlValue {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersion,
    AttachmentCount: countAttachments(cloud, account, policy.arn),
    PermissionsBoundaryUsageCount: countBoundaries(cloud, account, policy.arn),
    IsAttachable: true,
    Description: policy.description,
    CreateDate: policy.created,
    UpdateDate: policy.updated,
    Tags: formatTags(policy.tags),
  };
}

function formatVersion({ id, created }: PolicyVersion, isDefault: boolean): { readonly [key: string]: XmlValue } {
  return { VersionId: id, IsDefaultVersion: isDefault, CreateDate: created };
}
