import { AwsFault } from "#sandbox/aws/cloud.ts";
import { stateOf } from "#sandbox/aws/route53/model.ts";
import type { Answer, Operation, Request } from "#sandbox/aws/route53/request.ts";

export const limitOperations: readonly Operation[] = [
  { name: "GetAccountLimit", method: "GET", path: "accountlimit/:type", answer: get },
];

function get(request: Request): Answer {
  request.authorize("GetAccountLimit", "*");
  const { type = "" } = request.path;
  if (type !== "MAX_HOSTED_ZONES_BY_OWNER") {
    throw new AwsFault("NotImplemented", `The sandbox's Route 53 doesn't know the limit ${type}`, 501);
  }
  const { maxZones, zones } = stateOf(request.cloud, request.account);
  return { result: { Limit: { Type: type, Value: maxZones }, Count: Object.keys(zones).length } };
}
