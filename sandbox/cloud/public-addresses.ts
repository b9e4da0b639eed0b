import type { Paced } from "#sandbox/cloud/later.ts";
import type { LoadBalancerHost } from "#sandbox/cloud/load-balancers.ts";

/** Public addresses of load balancers, by the uid of their Service. */
export type PublicAddresses = Readonly<Record<string, string>>;

export interface PublicAddressesOptions extends Pick<LoadBalancerHost, "durations"> {
  readonly cloud: Paced;
  /** Holds a Service back until its load balancer is gone. */
  readonly finalizer: string;
  /** Those of the cluster; undefined when it is gone. */
  readonly read: () => PublicAddresses | undefined;
  readonly keep: (addresses: PublicAddresses) => void;
}

/** Load balancers of clouds that give them an address, and no name. They go with the cluster. */
export function publicAddresses({ cloud, durations, finalizer, read, keep }: PublicAddressesOptions): LoadBalancerHost {
  return {
    cloud,
    durations,
    rules: () => (read() === undefined ? undefined : { finalizer }),
    find(uid) {
      const ip = read()?.[uid];
      return ip === undefined ? undefined : { ip };
    },
    make: ({ metadata }) => keep({ ...read(), [metadata.uid]: newAddress() }),
    drop(uid) {
      const { [uid]: _, ...others } = read() ?? {};
      keep(others);
    },
  };
}

/** In a range that no network routes (RFC 2544), since nothing of the cloud's is there. */
function newAddress(): string {
  const [second = 0, third = 0, fourth = 0] = crypto.getRandomValues(new Uint8Array(3));
  return `198.${18 + (second % 2)}.${third}.${fourth}`;
}
