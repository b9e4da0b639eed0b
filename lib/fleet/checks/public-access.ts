import { isWithin, readCidr } from "#lib/fleet/cidr.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { CloudCluster } from "#lib/fleet/types.ts";

/** Wider than this, an address range is half a continent and no office. */
const shortestPublicPrefix = 8;
/** Clouds refuse these: https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"];

interface PublicAccessLimits {
  readonly product: string;
  readonly mostRanges: number;
}

/** The ranges that may reach a cluster's API server. An empty list would mean the whole internet to a cloud. */
export function checkPublicAccess(
  cluster: Pick<CloudCluster, "name" | "provider"> & { readonly publicAccessCidrs: readonly string[] },
  { product, mostRanges }: PublicAccessLimits,
): readonly Fault[] {
  const { publicAccessCidrs: ranges } = cluster;
  const at = { where: `cluster ${cluster.name}`, provider: cluster.provider };
  const example = 'write publicAccessCidrs: ["198.51.100.7/32"] with the addresses that your people and CI come from';
  if (ranges.length === 0) {
    return [{ code: "EmptyPublicAccess", ...at, message: "publicAccessCidrs is empty", hint: example }];
  }
  if (ranges.length > mostRanges) {
    const message = `publicAccessCidrs has ${ranges.length} ranges, ${product} takes ${mostRanges}`;
    return [{ code: "TooManyRanges", ...at, message, hint: "join neighbouring ranges into wider ones" }];
  }
  return ranges.flatMap((text): readonly Fault[] => {
    const reading = readCidr(text);
    if (reading.kind === "malformed") {
      const message = `invalid range "${text}" in publicAccessCidrs: ${reading.why}`;
      return [{ code: "InvalidCidr", ...at, message, hint: example }];
    }
    if (isWithin(reading.cidr, privateRanges)) {
      const message = `invalid range "${text}" in publicAccessCidrs: it is not a public range`;
      return [{ code: "InvalidCidr", ...at, message, hint: example }];
    }
    if (reading.cidr.prefix >= shortestPublicPrefix) return [];
    const message = `publicAccessCidrs opens the API server to ${text}`;
    return [{ code: "PublicAccessTooWide", ...at, message, hint: example }];
  });
}
