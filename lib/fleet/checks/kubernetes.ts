import { eksVersions, isInStandardSupport } from "#lib/aws/fleet/eks-versions.ts";
import { imageOf, tryImageKubernetes } from "#lib/fleet/defaults.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import { isLocal } from "#lib/fleet/types.ts";

/**
 * Minors that Argo CD 3.6 is tested on: https://argo-cd.readthedocs.io/en/stable/operator-manual/installation/#supported-versions.
 * kind has images of them.
 */
const lowestMinor = 34;
const highestMinor = 37;
export function checkKubernetes(fleet: Fleet): readonly Fault[] {
  return fleet.clusters.flatMap(checkVersion);
}

function checkVersion(cluster: Cluster): readonly Fault[] {
  const version: string | undefined = cluster.kubernetes;
  if (version === undefined) return [];
  const at = { where: `cluster ${cluster.name}`, provider: cluster.provider } as const;
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(version) ?? [];
  if (major === undefined || minor === undefined) {
    const short = /^v?(\d+\.\d+)/.exec(version)?.[1] ?? `1.${highestMinor - 1}`;
    const message = `malformed Kubernetes version "${version}"`;
    return [{ code: "MalformedVersion", ...at, message, hint: `write major and minor only: kubernetes: "${short}"` }];
  }
  const supported = supportedBy(cluster);
  if (!supported.includes(version)) {
    return [
      {
        code: "UnsupportedVersion",
        ...at,
        message: cluster.provider === "aws" ? refusalByEks(version) : `Kubernetes ${version} isn't supported`,
        hint: `use ${supported.map((one) => (cluster.provider === "aws" ? withEnd(one) : one)).join(", ")}`,
      },
    ];
  }
  return checkImage(cluster, version, at);
}

function supportedBy({ provider }: Cluster): readonly string[] {
  const tested = Array.from({ length: highestMinor - lowestMinor + 1 }, (_, index) => `1.${lowestMinor + index}`);
  if (provider !== "aws") return tested;
  return eksVersions
    .filter(isInStandardSupport)
    .map((one) => one.version)
    .filter((one) => tested.includes(one));
}

function refusalByEks(version: string): string {
  const known = eksVersions.find((one) => one.version === version);
  if (known === undefined || isInStandardSupport(known)) return `Kubernetes ${version} isn't supported by EKS`;
  const { standardUntil, extendedUntil } = known;
  return `EKS ended standard support of Kubernetes ${version} on ${standardUntil}; extended support ends on ${extendedUntil}`;
}

/** `1.36 (standard support ends on 2027-08-02)` */
function withEnd(version: string): string {
  const known = eksVersions.find((one) => one.version === version);
  return known === undefined ? version : `${version} (standard support ends on ${known.standardUntil})`;
}

/** A local cluster is what its image is. */
function checkImage(
  cluster: Cluster,
  version: string,
  at: Pick<Fault, "where"> & Pick<Cluster, "provider">,
): readonly Fault[] {
  if (!isLocal(cluster)) return [];
  const image = imageOf(cluster);
  const offered = tryImageKubernetes(image);
  if (offered === undefined || offered === version) return [];
  return [
    {
      code: "ImageOfAnotherVersion",
      ...at,
      message: `kubernetes ${version} is wanted, but image ${image.split("@", 1)[0]} is ${offered}`,
      hint: `name an image of ${version} in image, or write kubernetes: "${offered}"`,
    },
  ];
}
