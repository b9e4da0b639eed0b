import { type Behaviour, type Behaviours, type GcpCall, type Json, projectIdOf } from "#sandbox/gcp/api/behaviour.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import { alreadyExists, computeFault, inUse, invalidValue } from "#sandbox/gcp/compute/faults.ts";
import { readFirewall, readNetwork, readRouter, readSubnetwork } from "#sandbox/gcp/compute/fields.ts";
import { beginOperation, operationBehaviours, refuseUnlessReady, tryRepeat } from "#sandbox/gcp/compute/operations.ts";
import {
  allIn,
  find,
  linkTo,
  listIn,
  nameOf,
  pathIn,
  store,
  subnetworksIn,
  tryFind,
} from "#sandbox/gcp/compute/state.ts";
import { subnetworkUser } from "#sandbox/gcp/gke/network.ts";
import { newId } from "#sandbox/gcp/iam/state.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

const resourceName = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const largestPage = 500;
/** Networks of a project, the one that it had from the start included: https://cloud.google.com/vpc/docs/quota */
const mostNetworks = 5;

export const computeBehaviours: Behaviours = {
  ...operationBehaviours,
  ...getting("networks", "subnetworks", "routers"),
  ...methodsOf("networks", "network"),
  ...methodsOf("subnetworks", "subnetwork"),
  ...methodsOf("routers", "router"),
  ...methodsOf("firewalls", "firewall"),
  ...aggregating("subnetworks", "subnetwork"),
  ...aggregating("routers", "router"),
  "compute.networks.insert": writing((call) => {
    const all = listIn(call.cloud, projectIdOf(call), "global/networks");
    if (all.length < mostNetworks) return insert(call, "networks", ({ body }) => readNetwork(body));
    throw computeFault(403, "quotaExceeded", `Quota 'NETWORKS' exceeded.  Limit: ${mostNetworks}.0 globally.`);
  }),
  "compute.subnetworks.insert": writing((call) => insert(call, "subnetworks", readSubnetwork)),
  "compute.routers.insert": writing((call) => insert(call, "routers", (one) => readRouter(one, one.body))),
  "compute.firewalls.insert": writing((call) => insert(call, "firewalls", readFirewall)),
  "compute.subnetworks.setPrivateIpGoogleAccess": writing((call) =>
    change(call, "subnetworks", "setPrivateIpGoogleAccess", {
      privateIpGoogleAccess: call.body.privateIpGoogleAccess === true,
    }),
  ),
  "compute.routers.patch": writing((call) => {
    const before = find(call.cloud, projectIdOf(call), pathOf(call, "routers"));
    const merged = mergePatch(before, call.body as JsonObject) as JsonObject;
    return change(call, "routers", "patch", readRouter(call, merged));
  }),
};

function getting(...types: readonly string[]): Behaviours {
  return Object.fromEntries(
    types.map((one): [string, Behaviour] => [`compute.${one}.get`, (call) => show(call, pathOf(call, one))]),
  );
}

/** Lists of all regions, as gcloud asks for them. @param type as errors name it */
function aggregating(types: string, type: string): Behaviours {
  return {
    [`compute.${types}.aggregatedList`]: (call) => {
      const projectId = projectIdOf(call);
      const all = allIn(call.cloud, projectId).filter(
        (path) => path.startsWith("regions/") && path.includes(`/${types}/`),
      );
      const byRegion = Map.groupBy(all.toSorted(), (path) => path.split("/", 2).join("/"));
      const items = [...byRegion].map(([region, paths]) => [
        region,
        { [types]: paths.map((path) => show(call, path)) },
      ]);
      return {
        kind: `compute#${type}AggregatedList`,
        id: nameOf(projectId, `aggregated/${types}`),
        items: Object.fromEntries(items),
      };
    },
  };
}

/** What all types have in common. @param type as errors name it */
function methodsOf(types: string, type: string): Behaviours {
  return {
    [`compute.${types}.list`]: (call) => {
      const all = listIn(call.cloud, projectIdOf(call), collectionOf(call, types)).map(([path]) => path);
      const page = pageOf(call, "items", all.toSorted(), largestPage, (path) => show(call, path));
      return { kind: `compute#${type}List`, id: nameOf(projectIdOf(call), collectionOf(call, types)), ...page };
    },
    [`compute.${types}.delete`]: writing((call) => {
      const [projectId, path] = [projectIdOf(call), pathOf(call, types)];
      find(call.cloud, projectId, path);
      refuseUnlessReady(call.cloud, projectId, path);
      const user = types === "subnetworks" ? subnetworkUser(call.cloud, projectId, path) : undefined;
      if (user !== undefined) throw inUse(type, nameOf(projectId, path), user);
      return beginOperation(call, "delete", path);
    }),
  };
}

function writing(behave: (call: GcpCall) => Json): Behaviour {
  return (call) => tryRepeat(call) ?? behave(call);
}

/** `global/networks`, `regions/R/subnetworks` */
function collectionOf({ params: { region } }: GcpCall, types: string): string {
  return region === undefined ? `global/${types}` : `regions/${region}/${types}`;
}

function pathOf(call: GcpCall, types: string): string {
  const { network, subnetwork, router, firewall } = call.params;
  return `${collectionOf(call, types)}/${network ?? subnetwork ?? router ?? firewall}`;
}

/** It can be seen at once, and be used when its operation has ended. */
function insert(call: GcpCall, types: string, read: (call: GcpCall) => JsonObject): Json {
  const { cloud, body, params } = call;
  const projectId = projectIdOf(call);
  const name = stringAt(body, "name");
  if (!resourceName.test(name)) {
    throw invalidValue("resource.name", name, `Must be a match of regex '${resourceName.source}'`);
  }
  const path = `${collectionOf(call, types)}/${name}`;
  if (tryFind(cloud, projectId, path) !== undefined) throw alreadyExists(nameOf(projectId, path));
  const fields = read(call);
  const network = stringAt(fields, "network");
  if (network !== "") {
    const within = pathIn(projectId, network, "global/networks");
    find(cloud, projectId, within);
    refuseUnlessReady(cloud, projectId, within);
  }
  store(cloud, projectId, path, {
    ...fields,
    kind: `compute#${types.slice(0, -1)}`,
    id: newId(),
    name,
    ...(body.description === undefined ? {} : { description: stringAt(body, "description") }),
    creationTimestamp: cloud.now().toISOString(),
    ...(params.region === undefined ? {} : { region: linkTo(projectId, `regions/${params.region}`) }),
    selfLink: linkTo(projectId, path),
  });
  return beginOperation(call, "insert", path);
}

function change(call: GcpCall, types: string, operation: string, fields: JsonObject): Json {
  const [projectId, path] = [projectIdOf(call), pathOf(call, types)];
  const before = find(call.cloud, projectId, path);
  refuseUnlessReady(call.cloud, projectId, path);
  store(call.cloud, projectId, path, { ...before, ...fields });
  return beginOperation(call, operation, path);
}

/** A network names its subnetworks. */
function show(call: GcpCall, path: string): Json {
  const projectId = projectIdOf(call);
  const found = find(call.cloud, projectId, path);
  if (!path.startsWith("global/networks/")) return found;
  const within = subnetworksIn(call.cloud, projectId, stringAt(found, "selfLink"));
  const subnetworks = within.map((subnetwork) => stringAt(subnetwork, "selfLink"));
  return subnetworks.length === 0 ? found : { ...found, subnetworks };
}
