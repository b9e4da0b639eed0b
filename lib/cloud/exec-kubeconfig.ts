import { isDeepStrictEqual } from "node:util";
import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import {
  compareMode,
  type KubeconfigState,
  observeKubeconfig,
  removeKubeconfig,
  writeKubeconfig,
} from "#lib/cloud/kubeconfig-file.ts";
import { FleetError } from "#lib/errors.ts";
import type { Change, ChangeValue, Outputs, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { Hint } from "#lib/hint.ts";
import { type Access, probeAccess, waitForAccess } from "#lib/kubernetes/access.ts";
import { endpointOf, type Kubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { countNodes } from "#lib/kubernetes/nodes.ts";

export interface ExecKubeconfigOptions<Source, Place> {
  readonly id: string;
  /** Name of the cluster in the fleet. */
  readonly cluster: string;
  /** The resource whose state says where the cluster is. */
  readonly source: Resource<Source>;
  /** The parts of the kubeconfig that depend on this computer. */
  readonly findPlace: (world: World) => Promise<Place>;
  /** Undefined as long as the source does not say where the cluster is. */
  readonly format: (source: Source, place: Place) => Kubeconfig | undefined;
  /** What to check if the source exists but does not say where the cluster is. */
  readonly unlocatedHint: Hint;
  /** Milliseconds until the name of a new cluster is in all resolvers. */
  readonly reachMs: number;
  /** Milliseconds until the API server knows who has access. */
  readonly admitMs: number;
  /** The error for a cluster that is still unreachable or denies access. */
  readonly explain: (access: Exclude<Access, { readonly kind: "open" }>) => FleetError;
}

export interface ExecKubeconfigState<Place> extends KubeconfigState {
  readonly place: Place;
  /** Undefined if not checked: a file for another server is not used. */
  readonly access: Access | undefined;
}

/** The kubeconfig file of a cloud cluster, in which a program gets the tokens; verified with a call to the API server. */
export function execKubeconfig<Source, Place>(
  options: ExecKubeconfigOptions<Source, Place>,
): Resource<ExecKubeconfigState<Place>> {
  const { cluster, source, findPlace, format } = options;
  const wantedOf = (outputs: Outputs, place: Place): Kubeconfig | undefined => {
    const state = outputs.find(source);
    return state === undefined ? undefined : format(state, place);
  };
  return {
    id: options.id,
    title: `${cluster}: kubeconfig`,
    label: "kubeconfig",
    row: source.row,
    lane: "file",
    needs: [source],
    async observe(world, outputs) {
      const file = await observeKubeconfig(world, cluster);
      if (file === undefined) return { kind: "absent" };
      const place = await findPlace(world);
      const wanted = wantedOf(outputs, place);
      const isWanted = wanted !== undefined && isDeepStrictEqual(file.content, wanted);
      const access = isWanted ? await look(world, wanted, file.path) : undefined;
      return { kind: "present", state: { ...file, place, access } };
    },
    diff: (state, outputs) => [
      ...compareContent(state.content, wantedOf(outputs, state.place)),
      ...compareMode(state),
      ...compareAccess(state.access),
    ],
    async ensure(world, _observed, outputs) {
      const place = await findPlace(world);
      const wanted = format(outputs.of(source), place);
      if (wanted === undefined) {
        throw new FleetError("OutputMissing", `${source.title} does not say where the cluster is`, {
          hint: options.unlocatedHint,
        });
      }
      const file = await writeKubeconfig(world, cluster, wanted);
      const access = await waitForAccess(open(world, wanted, file.path), { ...world, ...options });
      if (access.kind !== "open") throw options.explain(access);
      return { ...file, place, access };
    },
    remove: (world) => removeKubeconfig(world, cluster),
    health: ({ path, content, access }) => {
      if (content === undefined) return { kind: "degraded", summary: `${path} is not a kubeconfig` };
      if (access === undefined) return { kind: "degraded", summary: `${path} is not of this cluster` };
      return access.kind === "open"
        ? { kind: "healthy", summary: path, cluster: { nodes: countNodes(access.nodes) } }
        : { kind: "degraded", summary: `${access.kind}: ${access.why}` };
    },
  };
}

/** Access to what is in the cluster of a kubeconfig. */
export function accessBy<Place>(
  kubeconfig: Resource<ExecKubeconfigState<Place>>,
  outputs: Outputs,
): ReturnType<ManagedCluster["access"]> {
  const state = outputs.find(kubeconfig);
  if (state === undefined) return { kind: "absent" };
  if (state.content === undefined) return { kind: "closed", why: "has no kubeconfig that can be read" };
  if (state.access !== undefined && state.access.kind !== "open")
    return { kind: "closed", why: `is ${state.access.kind}` };
  return { kind: "reachable", endpoint: endpointOf(state.content, state.path) };
}

function compareContent(found: Kubeconfig | undefined, wanted: Kubeconfig | undefined): readonly Change[] {
  if (wanted === undefined || isDeepStrictEqual(found, wanted)) return [];
  if (found === undefined) return [change("content", "not a kubeconfig", "of this cluster")];
  const [a, b] = [partsOf(found), partsOf(wanted)];
  const changes = [
    ...(a.server === b.server ? [] : [change("server", a.server, b.server)]),
    ...(a.authority === b.authority ? [] : [change("certificate-authority-data", "another", "of this cluster")]),
    ...(isDeepStrictEqual(a.plugin, b.plugin) ? [] : [change("user", a.plugin, b.plugin)]),
  ];
  return changes.length > 0 ? changes : [change("content", "another", "of this cluster")];
}

function partsOf(kubeconfig: Kubeconfig) {
  const cluster = kubeconfig.clusters[0]?.cluster;
  const exec = kubeconfig.users[0]?.user.exec;
  const env = (exec?.env ?? []).map(({ name, value }) => `${name}=${value}`);
  return {
    server: cluster?.server ?? "",
    authority: cluster?.["certificate-authority-data"] ?? "",
    plugin: exec === undefined ? ["no program"] : [...env, exec.command, ...(exec.args ?? [])],
  };
}

function compareAccess(access: Access | undefined): readonly Change[] {
  return access === undefined || access.kind === "open" ? [] : [change("access", access.kind, "open")];
}

function change(field: string, from: ChangeValue, to: ChangeValue): Change {
  return { field, from, to, effect: "in-place" };
}

function open(world: World, kubeconfig: Kubeconfig, path: string): ReturnType<World["kubernetes"]> {
  return world.kubernetes(endpointOf(kubeconfig, path));
}

/** A file whose program gives no token is a file to be mended, or to be removed. */
async function look(world: World, kubeconfig: Kubeconfig, path: string): Promise<Access> {
  try {
    return await probeAccess(open(world, kubeconfig, path), world.signal);
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "CredentialPluginFailed") throw error;
    return { kind: "refused", status: 401, why: [error.message, ...error.details].join(": ") };
  }
}
