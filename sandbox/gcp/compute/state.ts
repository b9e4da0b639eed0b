import type { Failure, Failures } from "#sandbox/gcp/api/failures.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { notFound } from "#sandbox/gcp/compute/faults.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

/** Work that goes on after the answer. It is kept on disk, and goes on after a restart of the sandbox. */
export interface StoredOperation {
  readonly name: string;
  /** `global`, `regions/us-east1`. */
  readonly scope: string;
  readonly type: string;
  /** Path of the resource, below the project: `global/networks/N`. */
  readonly target: string;
  readonly user: string;
  readonly startTime: string;
  /** Of the request, which does nothing when it is sent again. */
  readonly requestId: string;
  /** Undefined while it runs. */
  readonly endTime?: string;
  readonly failure?: Failure;
}

interface ComputeState {
  /** As answers show them, by their paths below the project. */
  readonly resources: Record<string, JsonObject>;
  /** By name. */
  readonly operations: Record<string, StoredOperation>;
  /** Of the next operations, in their order. */
  readonly failures: Failures;
}

const host = "https://www.googleapis.com/compute/v1";
/** In new projects, unless the organization forbids it. Its subnetworks, one in each region, are not listed. */
export const defaultNetwork = "default";

export function computeOf(cloud: GcpCloud, projectId: string): ComputeState {
  return cloud.slice<ComputeState>("compute", projectId, "global", () => ({
    resources: {
      [`global/networks/${defaultNetwork}`]: {
        kind: "compute#network",
        id: "1",
        name: defaultNetwork,
        description: "Default network for the project",
        autoCreateSubnetworks: true,
        creationTimestamp: cloud.now().toISOString(),
        routingConfig: { routingMode: "REGIONAL" },
        selfLink: linkTo(projectId, `global/networks/${defaultNetwork}`),
      },
    },
    operations: {},
    failures: {},
  }));
}

export function allOperations(
  cloud: GcpCloud,
): readonly { readonly projectId: string; readonly operation: StoredOperation }[] {
  return cloud
    .slices<ComputeState>("compute")
    .flatMap(({ account: projectId, state }) =>
      Object.values(state.operations).map((operation) => ({ projectId, operation })),
    );
}

/** @param path below the project */
export function linkTo(projectId: string, path: string): string {
  return `${host}/projects/${projectId}/${path}`;
}

/** As errors name it. @param path below the project */
export function nameOf(projectId: string, path: string): string {
  return `projects/${projectId}/${path}`;
}

export function tryFind(cloud: GcpCloud, projectId: string, path: string): JsonObject | undefined {
  return computeOf(cloud, projectId).resources[path];
}

/** @throws GcpFault 404 */
export function find(cloud: GcpCloud, projectId: string, path: string): JsonObject {
  const found = tryFind(cloud, projectId, path);
  if (found === undefined) throw notFound(nameOf(projectId, path));
  return found;
}

/** Paths of all resources of a project. */
export function allIn(cloud: GcpCloud, projectId: string): readonly string[] {
  return Object.keys(computeOf(cloud, projectId).resources);
}

/** Those of a collection, by their paths: `global/firewalls`. */
export function listIn(
  cloud: GcpCloud,
  projectId: string,
  collection: string,
): readonly (readonly [string, JsonObject])[] {
  return Object.entries(computeOf(cloud, projectId).resources).filter(
    ([path]) => path.startsWith(`${collection}/`) && path.split("/").length === collection.split("/").length + 1,
  );
}

export function store(cloud: GcpCloud, projectId: string, path: string, resource: JsonObject): void {
  computeOf(cloud, projectId).resources[path] = resource;
  cloud.save();
}

export function drop(cloud: GcpCloud, projectId: string, path: string): void {
  delete computeOf(cloud, projectId).resources[path];
  cloud.save();
}

/** What is in a network: paths of subnetworks, routers and firewall rules. */
export function usersOf(cloud: GcpCloud, projectId: string, network: string): readonly string[] {
  const link = linkTo(projectId, network);
  return Object.entries(computeOf(cloud, projectId).resources).flatMap(([path, resource]) =>
    stringAt(resource, "network") === link ? [path] : [],
  );
}

/** @param network its link */
export function subnetworksIn(cloud: GcpCloud, projectId: string, network: string): readonly JsonObject[] {
  return Object.entries(computeOf(cloud, projectId).resources).flatMap(([path, resource]) =>
    /^regions\/[^/]+\/subnetworks\//.test(path) && stringAt(resource, "network") === network ? [resource] : [],
  );
}

/** Links have different forms: URLs, paths of projects, names. @returns path below the project @throws GcpFault 404 of another project's */
export function pathIn(projectId: string, link: string, collection: string): string {
  const [, project = projectId, path] = /projects\/([^/]+)\/(.+)$/.exec(link) ?? [];
  if (project !== projectId) throw notFound(link);
  return path ?? (link.includes("/") ? link : `${collection}/${link}`);
}
