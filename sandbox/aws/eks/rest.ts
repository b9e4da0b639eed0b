import { AwsFault, type Call, type Cloud } from "#sandbox/aws/cloud.ts";
import { describeAddonVersions } from "#sandbox/aws/eks/addon-versions.ts";
import { describeCluster, listClusters } from "#sandbox/aws/eks/clusters.ts";
import { findPart, listParts } from "#sandbox/aws/eks/parts.ts";
import { type AccessEntryRecord, arnOf, invalidParameter, type Location, placeOf } from "#sandbox/aws/eks/state.ts";
import { pageOf } from "#sandbox/aws/protocol/paging.ts";
import { matchRest, type RestOperation } from "#sandbox/aws/protocol/rest.ts";

/** One call of an operation, with its path taken apart. */
interface Request extends Location {
  /** Variable parts of the path: the cluster's name, and what belongs to it. */
  readonly cluster: string;
  readonly item: string;
  query(name: string): string | undefined;
}

interface Operation extends RestOperation {
  /** ARN that permissions are evaluated for. @default "*" */
  readonly resource?: (request: Request) => string;
  /** Query parameters that the sandbox evaluates, in addition to those of pages. */
  readonly queries?: readonly string[];
  readonly answer: (request: Request) => object;
}

/**
 * The REST API only reads: clusters and what belongs to them are created by CloudFormation stacks, which call the functions
 * of this folder.
 */
const operations: readonly Operation[] = [
  {
    name: "ListClusters",
    method: "GET",
    path: "clusters",
    answer: (request) => page(request, "clusters", listClusters(request)),
  },
  {
    name: "DescribeCluster",
    method: "GET",
    path: "clusters/:cluster",
    resource: clusterArn,
    answer: (request) => ({ cluster: describeCluster(request, request.cluster) }),
  },
  {
    name: "DescribeAddonVersions",
    method: "GET",
    path: "addons/supported-versions",
    queries: ["addonName", "kubernetesVersion"],
    answer: (request) =>
      page(request, "addons", describeAddonVersions(request.query("addonName"), request.query("kubernetesVersion"))),
  },
  {
    name: "ListAccessEntries",
    method: "GET",
    path: "clusters/:cluster/access-entries",
    resource: clusterArn,
    answer: (request) => page(request, "accessEntries", listParts(request, request.cluster, "accessEntries")),
  },
  {
    name: "DescribeAccessEntry",
    method: "GET",
    path: "clusters/:cluster/access-entries/:item",
    resource: entryArn,
    answer: (request) => ({ accessEntry: entryOf(request).entry }),
  },
  {
    name: "ListAssociatedAccessPolicies",
    method: "GET",
    path: "clusters/:cluster/access-entries/:item/access-policies",
    resource: entryArn,
    answer: (request) => {
      const { policies } = entryOf(request);
      const names = { clusterName: request.cluster, principalArn: request.item };
      return { ...names, ...page(request, "associatedAccessPolicies", policies) };
    },
  },
];

/** Name of a request's operation. */
export function operationOf(method: string, url: URL): string | undefined {
  return matchRest(operations, method, url)?.operation.name;
}

/** @throws AwsFault what an operation refuses, and UnknownOperationException for all others */
export function answerRest(cloud: Cloud, { caller, method, url, region, requestId }: Call): Response {
  const match = matchRest(operations, method, url);
  if (match === undefined) {
    throw new AwsFault("UnknownOperationException", `the sandbox does not know ${method} ${url.pathname}`, 404);
  }
  const { operation, parts } = match;
  const known = ["maxResults", "nextToken", ...(operation.queries ?? [])];
  const unknown = [...url.searchParams.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalidParameter(`the sandbox does not know ${unknown} of ${operation.name}`);
  const { cluster = "", item = "" } = parts;
  const query = (name: string) => url.searchParams.get(name) ?? undefined;
  const request: Request = { cloud, account: caller.account, region, cluster, item, query };
  cloud.authorize(caller, `eks:${operation.name}`, operation.resource?.(request) ?? "*");
  return Response.json(operation.answer(request), { headers: { "x-amzn-requestid": requestId } });
}

function clusterArn(request: Request): string {
  return arnOf(request, "cluster", request.cluster);
}

/** @throws AwsFault ResourceNotFoundException */
function entryOf(request: Request): AccessEntryRecord {
  return findPart(request, request.cluster, "accessEntries", request.item);
}

/** Also of one that does not exist: a denial comes before "not found". */
function entryArn(request: Request): string {
  const found = placeOf(request).state.clusters[request.cluster]?.accessEntries[request.item];
  if (found !== undefined) return found.entry.accessEntryArn;
  const [, owner = request.account, kind = "role", path = ""] =
    /^arn:aws:iam::(\d+):(\w+)\/(.*)$/.exec(request.item) ?? [];
  return arnOf(request, "access-entry", `${request.cluster}/${kind}/${owner}/${path.split("/").at(-1)}/none`);
}

const largestPage = 100;

/** One page of a list. @throws AwsFault InvalidParameterException */
function page({ query }: Request, member: string, items: readonly unknown[]): object {
  const size = Number(query("maxResults") ?? largestPage);
  if (!Number.isInteger(size) || size < 1 || size > largestPage) {
    throw invalidParameter(`maxResults must be between 1 and ${largestPage}`);
  }
  const found = pageOf(items, size, query("nextToken"));
  if (found === undefined) throw invalidParameter("nextToken is invalid");
  return { [member]: found.items, ...(found.next === undefined ? {} : { nextToken: found.next }) };
}
