import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import type { HostedZone } from "#sandbox/aws/route53/model.ts";
import {
  type Answer,
  checkFields,
  invalidXml,
  itemsAt,
  type Operation,
  type Request,
  readBody,
  zoneArn,
} from "#sandbox/aws/route53/request.ts";
import { changeTags, getZone } from "#sandbox/aws/route53/zones.ts";
import { stringAt } from "#sandbox/json.ts";

/** Of one call, in each list. */
const mostItems = 10;

export const tagOperations: readonly Operation[] = [
  { name: "ChangeTagsForResource", method: "POST", path: "tags/hostedzone/:id", answer: change },
  { name: "ListTagsForResource", method: "GET", path: "tags/hostedzone/:id", answer: listOne },
];

function change(request: Request): Answer {
  const { cloud, account, path } = request;
  request.authorize("ChangeTagsForResource", zoneArn(path.id ?? ""));
  const body = readBody(request, "ChangeTagsForResourceRequest");
  checkFields(body, ["AddTags", "RemoveTagKeys"], []);
  const added = itemsAt(body, "AddTags").map((tag) => [stringAt(tag, "Key"), stringAt(tag, "Value")] as const);
  const removed = itemsAt(body, "RemoveTagKeys").map(String);
  checkLength("Tag", added);
  checkLength("Key", removed);
  const system = [...added.map(([key]) => key), ...removed].find((key) => /^aws:/i.test(key));
  if (system !== undefined) {
    throw new AwsFault("InvalidInput", `Tag keys that begin with aws: are AWS's own: ${system}`);
  }
  changeTags(cloud, account, path.id ?? "", { add: Object.fromEntries(added), remove: removed });
  return { result: {} };
}

function checkLength(element: string, list: readonly unknown[]): void {
  if (list.length <= mostItems) return;
  throw invalidXml(
    `cvc-complex-type.2.4.f: '${element}' can occur a maximum of '${mostItems}' times in the current sequence. This limit was exceeded. No child element is expected at this point.`,
  );
}

function listOne(request: Request): Answer {
  const { cloud, account, path } = request;
  request.authorize("ListTagsForResource", zoneArn(path.id ?? ""));
  return { result: { ResourceTagSet: formatTags(getZone(cloud, account, path.id ?? "")) } };
}

function formatTags({ id, tags }: HostedZone): XmlValue {
  return {
    ResourceType: "hostedzone",
    ResourceId: id,
    Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  };
}
