import { z } from "zod";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { docker, dockerError, listContainers, removeObject } from "#lib/local/docker.ts";

export interface KindNetworkState {
  readonly id: string;
  /** Created by this project, which then removes it with the last cluster. */
  readonly ours: boolean;
}

const name = "kind";
const label = "k8s-multicluster-gitops.network";
/** kind's own IPv6 range (kind, pkg/cluster/internal/providers/docker/network.go), so that kind accepts our network as its own. */
const ipv6Subnet = "fc00:f853:ccd:e793::/64";

const inspectSchema = z.array(z.object({ Id: z.string(), Labels: z.record(z.string(), z.string()).nullish() }));

/**
 * The Docker network that all kind clusters share. Created before the clusters: on a clean host, several `kind create` that
 * start together each create one, and several networks have the same name.
 */
export function kindNetwork(): Resource<KindNetworkState> {
  return {
    id: "local/docker/network/kind",
    title: "docker: network kind",
    label: "network kind",
    row: { kind: "shared", name: "docker", group: "local" },
    lane: "docker",
    onMachine: true,
    needs: [],
    async observe(world) {
      const state = await inspect(world);
      return state === undefined ? { kind: "absent" } : { kind: "present", state };
    },
    diff: () => [],
    async ensure(world) {
      // Not every Docker has IPv6; kind itself falls back in the same way.
      for (const ipv6 of [["--ipv6", "--subnet", ipv6Subnet], []]) {
        const masquerade = ["--opt", "com.docker.network.bridge.enable_ip_masquerade=true"];
        const exec = docker(world, { nothrow: true });
        const result =
          await exec`docker network create --driver bridge --label ${label}=true ${[...masquerade, ...ipv6]} ${name}`;
        const state = await inspect(world);
        // Also where another kind has created it meanwhile.
        if (state !== undefined) return state;
        if (ipv6.length === 0) throw dockerError(result);
      }
      throw new Error("unreachable: the last attempt returns or throws");
    },
    async remove(world, observed) {
      if (observed.kind !== "present") return { kind: "removed" };
      if (!observed.state.ours) return { kind: "kept", why: "kind made it, not this project" };
      // Stopped containers count too: without their network they never start again.
      const users = await listContainers(world, [`network=${name}`]);
      if (users.length > 0) return { kind: "kept", why: `still used by ${users.map((user) => user.name).join(", ")}` };
      await removeObject(world, "network", name);
      return { kind: "removed" };
    },
    health: () => ({ kind: "healthy", summary: "there" }),
  };
}

async function inspect(world: World): Promise<KindNetworkState | undefined> {
  const result = await docker(world, { nothrow: true })`docker network inspect ${name}`;
  if (result.exitCode !== 0) {
    if (/no such network|not found/i.test(result.stderr)) return undefined;
    throw dockerError(result);
  }
  const [found] = inspectSchema.parse(JSON.parse(result.stdout));
  return found === undefined ? undefined : { id: found.Id, ours: found.Labels?.[label] === "true" };
}
