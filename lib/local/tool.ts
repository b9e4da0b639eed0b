import { FleetError } from "#lib/errors.ts";
import { type ExecResult, lastLines } from "#lib/exec.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import type { Container } from "#lib/local/docker.ts";

/** The differences between kind and k3d; cluster.ts has the rest. */
export interface LocalTool {
  readonly name: "kind" | "k3d";
  /** Label whose value is the cluster's name, on all of its containers. */
  readonly clusterLabel: string;
  /** Name of the container of the first node; where another program uses it, creating fails. */
  firstContainer(cluster: string): string;
  /** The configuration, as the bare command line reads it. */
  render(cluster: LocalCluster, domain: string, image: string): string;
  /** Pure: the configuration that the cluster was created with, from its containers. */
  describe(containers: readonly Container[]): Configuration;
  /** The reason, if the containers alone show that the cluster was never finished. */
  unfinished(containers: readonly Container[]): string | undefined;
  /** Objects of kube-system that every finished cluster has. */
  readonly systemObjects: readonly string[];
  create(world: World, request: CreateRequest): Promise<void>;
  start(world: World, cluster: string, containers: readonly Container[]): Promise<void>;
  /** Removes the cluster, also an unfinished one with its networks and volumes. */
  remove(world: World, cluster: string, kubeconfigPath: string): Promise<void>;
  /** Words after the tool's name that print a cluster's kubeconfig. */
  readonly kubeconfigCommand: string;
  /** Text of the admin's kubeconfig; undefined when the cluster has none (yet). @throws FleetError ProgramFailed */
  kubeconfig(world: World, cluster: string): Promise<string | undefined>;
  /** The step that a line of output announces, if any. */
  parseProgress(line: string): string | undefined;
}

export interface CreateRequest {
  readonly cluster: LocalCluster;
  readonly configPath: string;
  readonly image: string;
  /** A temporary file: the tool writes its kubeconfig there instead of into the user's own. */
  readonly kubeconfigPath: string;
}

/** The part of the configuration that is visible from outside and can't be changed in place. */
export interface Configuration {
  readonly image: string;
  readonly workers: number;
  /** Address of the API server on this computer, `127.0.0.1:6551`. */
  readonly api: string;
  /** Arguments of k3s; empty for kind. */
  readonly arguments: readonly string[];
}

/** Roles as the tools label them. */
export function countRole(containers: readonly Container[], label: string, role: string): number {
  return containers.filter((container) => container.labels[label] === role).length;
}

/**
 * The kubeconfig that a tool printed. Only the tool's own message that there is none counts as none: any other
 * failure says nothing about the cluster.
 *
 * @throws FleetError ProgramFailed
 */
export function parseKubeconfig(result: ExecResult, noKubeconfig: RegExp): string | undefined {
  if (result.exitCode === 0 && result.stdout.trim() !== "") return result.stdout;
  const said = lastLines(result);
  if (noKubeconfig.test(said.join("\n"))) return undefined;
  throw new FleetError("ProgramFailed", `${result.command} ended with exit code ${result.exitCode} and no kubeconfig`, {
    hint: "run the same command again; the cluster was left alone",
    details: said,
  });
}
