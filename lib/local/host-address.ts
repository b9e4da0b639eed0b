import { createServer } from "node:net";
import { z } from "zod";
import type { HostAddress } from "#lib/argocd/managed-cluster.ts";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";
import { docker } from "#lib/local/docker.ts";
import { type DockerInfo, readDockerInfo } from "#lib/local/docker-info.ts";

const ipamSchema = z.array(
  z.object({
    IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string(), Gateway: z.string().optional() })).nullish() }),
  }),
);

const useRepository = "set gitops.local to repository in the fleet: clusters then read the remote repository";

/** Where containers of every network find this computer. @throws FleetError CheckoutUnreadable, DockerUnreachable */
export async function findHostAddress(world: World): Promise<HostAddress> {
  const info = await readDockerInfo(world);
  // Their containers are in a virtual machine; this name leads to the loopback of the computer around it.
  if (forwardsToLoopback(info)) return { name: "host.docker.internal", listen: "127.0.0.1" };
  const gateway = await findGateway(world);
  if (await isLocal(gateway)) return { name: gateway, listen: gateway };
  const rootless = info.SecurityOptions?.some((option) => option.includes("rootless")) ?? false;
  const where = rootless
    ? "Docker is rootless"
    : `Docker runs on another machine (${info.Name}, ${info.OperatingSystem})`;
  throw new FleetError(
    "CheckoutUnreadable",
    `clusters can't reach this checkout: ${where}, and the address of its bridge, ${gateway}, is not one of this computer`,
    { hint: useRepository },
  );
}

/**
 * Docker Desktop, OrbStack, and the virtual machines of Lima: Colima (host name colima or colima-PROFILE) and Rancher Desktop
 * (https://docs.orbstack.dev/docker/host-networking, https://lima-vm.io/docs/config/network/user/).
 */
function forwardsToLoopback({ OperatingSystem: system, Name: name }: DockerInfo): boolean {
  return /docker desktop|orbstack|rancher desktop/i.test(system) || /^(colima|lima)(-|$)/.test(name);
}

async function findGateway(world: World): Promise<string> {
  const { stdout } = await docker(world)`docker network inspect bridge`;
  const configs = ipamSchema.parse(JSON.parse(stdout)).flatMap((network) => network.IPAM.Config ?? []);
  const config = configs.find(({ Subnet: subnet }) => subnet.includes("."));
  // Docker omits it after a restart; unless configured otherwise, it is the first address.
  const gateway = config?.Gateway ?? config?.Subnet.replace(/\.0\/\d+$/, ".1");
  if (gateway !== undefined) return gateway;
  throw new FleetError(
    "CheckoutUnreadable",
    "docker's network bridge has no gateway, so that containers can't reach this checkout",
    { hint: useRepository },
  );
}

/** Listens for a moment: the list of interfaces lacks a bridge that no container uses. */
async function isLocal(address: string): Promise<boolean> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once("error", (error) => (isErrno(error, "EADDRNOTAVAIL") ? resolve(false) : reject(error)));
  server.listen(0, address, () => server.close(() => resolve(true)));
  return await promise;
}
