import { parseQuery } from "#sandbox/aws/protocol/query.ts";

/** Operations of the services that name them by method and path; `*` stands for one part of a path. */
const rest: Readonly<Record<string, readonly string[]>> = {
  route53: [
    "POST /2013-04-01/hostedzone CreateHostedZone",
    "GET /2013-04-01/hostedzone ListHostedZones",
    "GET /2013-04-01/hostedzonesbyname ListHostedZonesByName",
    "GET /2013-04-01/hostedzonecount GetHostedZoneCount",
    "GET /2013-04-01/hostedzone/* GetHostedZone",
    "POST /2013-04-01/hostedzone/* UpdateHostedZoneComment",
    "DELETE /2013-04-01/hostedzone/* DeleteHostedZone",
    "POST /2013-04-01/hostedzone/*/rrset ChangeResourceRecordSets",
    "GET /2013-04-01/hostedzone/*/rrset ListResourceRecordSets",
    "GET /2013-04-01/change/* GetChange",
    "POST /2013-04-01/tags/hostedzone/* ChangeTagsForResource",
    "GET /2013-04-01/tags/hostedzone/* ListTagsForResource",
    "POST /2013-04-01/tags/hostedzone ListTagsForResources",
  ],
  eks: [
    "GET /clusters ListClusters",
    "GET /clusters/* DescribeCluster",
    "GET /clusters/*/access-entries ListAccessEntries",
    "GET /clusters/*/access-entries/* DescribeAccessEntry",
    "GET /clusters/*/access-entries/*/access-policies ListAssociatedAccessPolicies",
    "GET /clusters/*/pod-identity-associations ListPodIdentityAssociations",
    "GET /clusters/*/pod-identity-associations/* DescribePodIdentityAssociation",
    "GET /clusters/*/node-groups ListNodegroups",
    "GET /clusters/*/node-groups/* DescribeNodegroup",
    "GET /clusters/*/addons ListAddons",
    "GET /clusters/*/addons/* DescribeAddon",
    "GET /addons/supported-versions DescribeAddonVersions",
    "GET /cluster-versions DescribeClusterVersions",
  ],
};

interface Operation {
  readonly method: string;
  readonly path: RegExp;
  readonly action: string;
}

const operations: ReadonlyMap<string, readonly Operation[]> = new Map(
  Object.entries(rest).map(([service, lines]) => [service, lines.map(parseLine)]),
);

function parseLine(line: string): Operation {
  const [method = "", path = "", action = ""] = line.split(" ");
  return { method, path: new RegExp(`^${path.replaceAll("*", "[^/]+")}/?$`), action };
}

/** The name that a request's operation has in the API; `GET /path` for one that has none here. */
export function nameAction(service: string, { method, url, body }: RestRequest): string {
  const known = operations.get(service);
  if (known === undefined) return tryReadAction(url, body) ?? `${method} ${url.pathname}`;
  const found = known.find((operation) => operation.method === method && operation.path.test(url.pathname));
  return found?.action ?? `${method} ${url.pathname}`;
}

interface RestRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

/** Undefined also for a request that can't be read: whoever it goes to says so. */
export function tryReadAction(url: URL, body: string): string | undefined {
  try {
    const { action } = parseQuery(body, url);
    return action === "" ? undefined : action;
  } catch {
    return undefined;
  }
}
