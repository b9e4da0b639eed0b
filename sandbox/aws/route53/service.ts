import { AwsFault, type Call, type Cloud, type Service } from "#sandbox/aws/cloud.ts";
import { answerFault } from "#sandbox/aws/protocol/query.ts";
import { formatXml } from "#sandbox/aws/protocol/xml.ts";
import { allZones, serviceName } from "#sandbox/aws/route53/model.ts";
import { hostedZoneOperations } from "#sandbox/aws/route53/operations/hosted-zones.ts";
import { limitOperations } from "#sandbox/aws/route53/operations/limits.ts";
import { recordSetOperations } from "#sandbox/aws/route53/operations/record-sets.ts";
import { tagOperations } from "#sandbox/aws/route53/operations/tags.ts";
import { itemOf, type Operation, type Request } from "#sandbox/aws/route53/request.ts";

const version = "2013-04-01";
const namespace = `https://route53.amazonaws.com/doc/${version}/`;
const longestId = 32;
const operations = [...hostedZoneOperations, ...recordSetOperations, ...tagOperations, ...limitOperations];

/** Route 53: public zones and their records, over REST with XML. */
export function route53(cloud: Cloud): Service {
  return {
    name: serviceName,
    handle(call) {
      try {
        return Promise.resolve(answer(cloud, call));
      } catch (error) {
        if (error instanceof AwsFault) return Promise.resolve(answerFault(error, call.requestId, namespace));
        return Promise.reject(error);
      }
    },
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

function findOperation({ method, url }: Call): { readonly operation: Operation; readonly path: Request["path"] } {
  const unknown = (what: string): AwsFault =>
    new AwsFault("NotImplemented", `The sandbox's Route 53 doesn't know ${what}`, 501);
  const [, asked, ...parts] = url.pathname.replace(/\/$/, "").split("/");
  for (const operation of asked === version ? operations : []) {
    const path = operation.method === method ? matchPath(operation.path.split("/"), parts) : undefined;
    if (path === undefined) continue;
    const foreign = [...url.searchParams.keys()].find((key) => !operation.parameters?.includes(key));
    if (foreign !== undefined) throw unknown(`${foreign} of ${operation.name}`);
    return { operation, path };
  }
  throw unknown(`${method} ${url.pathname}`);
}

/** @throws AwsFault InvalidInput */
function matchPath(pattern: readonly string[], parts: readonly string[]): Request["path"] | undefined {
  if (pattern.length !== parts.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const wanted = pattern[index] ?? "";
    if (!wanted.startsWith(":")) {
      if (wanted !== part) return undefined;
      continue;
    }
    // Ids are also taken as answers give them, with the slashes encoded.
    found[wanted.slice(1)] = part.replace(/%2f/gi, "/").replace(/^\/?(hostedzone|change)\//, "");
  }
  checkId(found.id);
  return found;
}

function checkId(id: string | undefined): void {
  if (id === undefined || id.length <= longestId) return;
  throw new AwsFault(
    "InvalidInput",
    `1 validation error detected: Value '${id}' at 'id' failed to satisfy constraint: Member must have length less than or equal to ${longestId}`,
  );
}
