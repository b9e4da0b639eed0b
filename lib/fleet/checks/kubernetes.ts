import { testedVersions } from "#lib/fleet/defaults.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { factsOf, type Providers } from "#lib/fleet/provider.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";

export function checkKubernetes(fleet: Fleet, providers: Providers): readonly Fault[] {
  return fleet.clusters.flatMap((cluster) => checkVersion(cluster, providers));
}

function checkVersion(cluster: Cluster, providers: Providers): readonly Fault[] {
  const version: string | undefined = cluster.kubernetes;
  if (version === undefined) return [];
  const at = { where: `cluster ${cluster.name}`, provider: cluster.provider } as const;
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(version) ?? [];
  if (major === undefined || minor === undefined) {
    const short = /^v?(\d+\.\d+)/.exec(version)?.[1] ?? testedVersions.at(-2);
    const message = `malformed Kubernetes version "${version}"`;
    return [{ code: "MalformedVersion", ...at, message, hint: `write major and minor only: kubernetes: "${short}"` }];
  }
  const { versions } = factsOf(providers, cluster);
  const supported = testedVersions.filter((one) => versions?.offered.includes(one) ?? true);
  if (supported.includes(version)) return [];
  return [
    {
      code: "UnsupportedVersion",
      ...at,
      message: versions?.refusal(version) ?? `Kubernetes ${version} isn't supported`,
      hint: `use ${supported.map((one) => versions?.describe(one) ?? one).join(", ")}`,
    },
  ];
}
