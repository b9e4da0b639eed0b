import { AwsFault, type Call, type Cloud, type Service } from "#sandbox/aws/cloud.ts";
import { matchRest } from "#sandbox/aws/protocol/rest.ts";
import { formatXml } from "#sandbox/aws/protocol/xml.ts";
import { allZones, serviceName } from "#sandbox/aws/route53/model.ts";
import { hostedZoneOperations } from "#sandbox/aws/route53/operations/hosted-zones.ts";
import { recordSetOperations } from "#sandbox/aws/route53/operations/record-sets.ts";
import { tagOperations } from "#sandbox/aws/route53/operations/tags.ts";
import { itemOf, type Operation, type Request } from "#sandbox/aws/route53/request.ts";

const version = "2013-04-01";
const namespace = `https://route53.amazonaws.com/doc/${version}/`;
const longestId = 32;
const operations: readonly Operation[] = [...hostedZoneOperations, ...recordSetOperations, ...tagOperations].map(
  (operation) => ({ ...operation, path: `${version}/${operation.path}` }),
);

/** Route 53: public zones and their records, over REST with XML. */
export function route53(cloud: Cloud): Service {
  return {
    name: serviceName,
    operationOf: (method, url) => matchRest(operations, method, url)?.operation.name,
    handle: async (call) => answer(cloud, call),
  };
}

function answer(cloud: Cloud, call: Call): Response {
  const { operation, path } = findOperation(call);
  const { account } = call.caller;
  const { status = 200, headers, result } = operation.answer({ cloud, call, account, path, authorize: authorizer() });
  const text = formatXml(`${operation.name}Response`, result, { namespace, item: itemOf });
  return new Response(`<?xml version="1.0"?>\n${text}`, {
    status,
    headers: { "content-type": "text/xml", "x-amzn-requestid": call.requestId, ...headers },
  });

  function authorizer(): Request["authorize"] {
    return (action, resource, context) => {
      cloud.authorize(call.caller, `route53:${action}`, resource, context);
      refuseForeign(cloud, call, resource);
    };
  }
}

/** A zone of another account is there, and not for this one: no policy can open it, as zones have none of their own. */
function refuseForeign(cloud: Cloud, { caller }: Call, resource: string): void {
  const owner = allZones(cloud).find(({ zone }) => resource === `arn:aws:route53:::hostedzone/${zone.id}`);
  if (owner === undefined || owner.account === caller.account) return;
  throw new AwsFault("AccessDenied", `User: ${caller.arn} is not authorized to access this resource`, 403);
}

/** @throws AwsFault NotImplemented, InvalidInput */
function findOperation({ method, url }: Call): { readonly operation: Operation; readonly path: Request["path"] } {
  const unknown = (what: string): AwsFault =>
    new AwsFault("NotImplemented", `The sandbox's Route 53 doesn't know ${what}`, 501);
  const match = matchRest(operations, method, url);
  if (match === undefined) throw unknown(`${method} ${url.pathname}`);
  const { operation, parts } = match;
  const foreign = [...url.searchParams.keys()].find((key) => !operation.parameters?.includes(key));
  if (foreign !== undefined) throw unknown(`${foreign} of ${operation.name}`);
  // Ids are accepted with the prefix that answers have, too.
  const id = parts.id?.replace(/^\/?(hostedzone|change)\//, "");
  checkId(id);
  return { operation, path: id === undefined ? parts : { ...parts, id } };
}

function checkId(id: string | undefined): void {
  if (id === undefined || id.length <= longestId) return;
  throw new AwsFault(
    "InvalidInput",
    `1 validation error detected: Value '${id}' at 'id' failed to satisfy constraint: Member must have length less than or equal to ${longestId}`,
  );
}
