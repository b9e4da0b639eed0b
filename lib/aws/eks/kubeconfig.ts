import { isDeepStrictEqual } from "node:util";
import { findPluginPlace, formatPlugin, type PluginPlace } from "#lib/aws/eks/token-plugin.ts";
import { roleArn } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import {
  compareMode,
  type KubeconfigState,
  observeKubeconfig,
  removeKubeconfig,
  writeKubeconfig,
} from "#lib/cloud/kubeconfig-file.ts";
import { FleetError } from "#lib/errors.ts";
import type { Change, ChangeValue, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import { type Access, probeAccess, waitForAccess } from "#lib/kubernetes/access.ts";
import { type Endpoint, endpointOf, type Kubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { countNodes } from "#lib/kubernetes/nodes.ts";

export interface EksClusterOptions {
  readonly cluster: EksCluster;
  readonly account: AwsAccount;
  /** Name of the account's role, which has access to the cluster. */
  readonly role: string;
  /** Absolute path. @default clusters/fleet.ts */
  readonly fleetFile?: string;
}

export interface EksKubeconfigOptions extends EksClusterOptions {
  /** Its outputs identify the cluster: ClusterEndpoint, CertificateAuthorityData, ClusterName. */
  readonly stack: Resource<EksOutputs>;
}

export interface EksOutputs {
  readonly outputs: Readonly<Record<string, string>>;
}

export interface EksKubeconfigState extends KubeconfigState {
  readonly place: PluginPlace;
  /** Undefined if not checked: a file for another server is not used. */
  readonly access: Access | undefined;
}

/** AWS has the names of a new cluster in all resolvers within a minute or two. */
const reachMs = 3 * 60_000;
/** Access entries take some seconds to reach the API server. */
const admitMs = 2 * 60_000;

/** The kubeconfig file of one EKS cluster, with our own program for tokens; proved by a call with one. */
export function eksKubeconfig(options: EksKubeconfigOptions): Resource<EksKubeconfigState> {
  const { cluster, stack } = options;
  return {
    id: `aws/${options.account.name}/kubeconfig/${cluster.name}`,
    title: `${cluster.name}: kubeconfig`,
    label: "kubeconfig",
    row: stack.row,
    lane: "file",
    needs: [stack],
    async observe(world, outputs) {
      const file = await observeKubeconfig(world, cluster.name);
      if (file === undefined) return { kind: "absent" };
      const place = await findPluginPlace(world);
      const wanted = tryFormat(options, outputs.find(stack), place);
      const isWanted = wanted !== undefined && isDeepStrictEqual(file.content, wanted);
      const access = isWanted ? await look(world, wanted, file.path) : undefined;
      return { kind: "present", state: { ...file, place, access } };
    },
    diff: (state, outputs) => [
      ...compareContent(state.content, tryFormat(options, outputs.find(stack), state.place)),
      ...compareMode(state),
      ...compareAccess(state.access),
    ],
    async ensure(world, _observed, outputs) {
      const place = await findPluginPlace(world);
      const wanted = tryFormat(options, outputs.of(stack), place);
      if (wanted === undefined) {
        throw new FleetError("OutputMissing", `${stack.title} does not say where the cluster is`, {
          hint: "are ClusterEndpoint, CertificateAuthorityData and ClusterName outputs of the template?",
        });
      }
      const file = await writeKubeconfig(world, cluster.name, wanted);
      return { ...file, place, access: await prove(world, options, wanted, file.path) };
    },
    remove: (world) => removeKubeconfig(world, cluster.name),
    health: ({ path, content, access }) => {
      if (content === undefined) return { kind: "degraded", summary: `${path} is not a kubeconfig` };
      if (access === undefined) return { kind: "degraded", summary: `${path} is not of this cluster` };
      return access.kind === "open"
        ? { kind: "healthy", summary: path, cluster: { nodes: countNodes(access.nodes) } }
        : { kind: "degraded", summary: `${access.kind}: ${access.why}` };
    },
  };
}

/** The cluster's connection from its stack, if there is no file; undefined until the stack has outputs. */
export async function eksEndpoint(
  world: World,
  options: EksClusterOptions,
  state: EksOutputs,
): Promise<Endpoint | undefined> {
  const kubeconfig = tryFormat(options, state, await findPluginPlace(world));
  return kubeconfig === undefined ? undefined : endpointOf(kubeconfig, options.cluster.name);
}

/** Undefined until the stack has outputs. */
function tryFormat(
  { cluster, account, role, fleetFile }: EksClusterOptions,
  state: EksOutputs | undefined,
  place: PluginPlace,
): Kubeconfig | undefined {
  const { ClusterEndpoint: server, CertificateAuthorityData: authority, ClusterName: eksName } = state?.outputs ?? {};
  if (server === undefined || authority === undefined || eksName === undefined) return undefined;
  const { name, region } = cluster;
  const subject = {
    name,
    region,
    eksName,
    server,
    account,
    role: roleArn(account, role),
    fleetFile,
  };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority-data": authority } }],
    users: [{ name, user: { exec: formatPlugin(subject, place) } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
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

/** @throws FleetError ClusterUnreachable, ClusterDenied, CredentialPluginFailed */
async function prove(
  world: World,
  { cluster, account, role }: EksClusterOptions,
  kubeconfig: Kubeconfig,
  path: string,
): Promise<Access> {
  const { clock, signal, progress } = world;
  const access = await waitForAccess(open(world, kubeconfig, path), { clock, signal, progress, reachMs, admitMs });
  switch (access.kind) {
    case "open":
      return access;
    case "unreachable":
      throw new FleetError("ClusterUnreachable", `${cluster.name}: this computer does not reach the API server`, {
        hint: `add this computer's public address to publicAccessCidrs of ${cluster.name} (now ${cluster.publicAccessCidrs.join(", ") || "empty"}) in clusters/aws.ts, if it is missing`,
        details: [access.why],
      });
    case "refused":
      throw new FleetError(
        "ClusterDenied",
        `${cluster.name}: the API server denies access to ${role} of ${account.name}`,
        {
          hint:
            access.status === 401
              ? [
                  "the cluster's access entry must name this role: ",
                  command("plan"),
                  " shows whether its stack differs. A recreated role needs a new entry",
                ]
              : [
                  "the cluster's access entry has no policy: its stack attaches AmazonEKSClusterAdminPolicy; ",
                  command("plan"),
                  " shows whether it differs",
                ],
          details: [access.why],
        },
      );
    default:
      return access satisfies never;
  }
}
