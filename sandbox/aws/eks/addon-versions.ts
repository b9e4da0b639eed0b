import { invalidParameter } from "#sandbox/aws/eks/state.ts";
import { checkVersion, knownVersions, minorOf } from "#sandbox/aws/eks/versions.ts";
import type { JsonObject } from "#sandbox/json.ts";

/** Addons of AWS' own that the sandbox has workloads for, with the version that each is installed in by default. Numbers are made up. */
const defaults = new Map<string, (kubernetes: string) => string>([
  ["vpc-cni", (kubernetes) => `v1.${minorOf(kubernetes) - 15}.1-eksbuild.1`],
  ["coredns", (kubernetes) => `v1.${minorOf(kubernetes) - 22}.1-eksbuild.1`],
  ["kube-proxy", (kubernetes) => `v${kubernetes}.0-eksbuild.2`],
  ["eks-pod-identity-agent", () => "v1.3.10-eksbuild.2"],
]);

/** @throws AwsFault InvalidParameterException */
export function defaultAddonVersion(addon: string, kubernetes: string): string {
  const version = defaults.get(addon)?.(kubernetes);
  if (version !== undefined) return version;
  throw invalidParameter(`Addon ${addon} specified is not supported by the sandbox`);
}

/** kube-proxy is never newer than the control plane. @throws AwsFault InvalidParameterException */
export function checkAddonVersion(addon: string, version: string, kubernetes: string): string {
  const [, minor] = /^v\d+\.(\d+)\.\d+-eksbuild\.\d+$/.exec(version) ?? [];
  if (minor !== undefined && (addon !== "kube-proxy" || Number(minor) <= minorOf(kubernetes))) return version;
  throw invalidParameter(`Addon version specified is not supported: ${version}`);
}

/** As DescribeAddonVersions answers. @throws AwsFault InvalidParameterException */
export function describeAddonVersions(
  addon: string | undefined,
  kubernetes: string | undefined,
): readonly JsonObject[] {
  const names = addon === undefined ? [...defaults.keys()] : [addon];
  const versions = kubernetes === undefined ? knownVersions : [checkVersion(kubernetes)];
  return names.map((addonName) => ({
    addonName,
    type: "networking",
    owner: "aws",
    publisher: "eks",
    addonVersions: versions.map((clusterVersion) => ({
      addonVersion: defaultAddonVersion(addonName, clusterVersion),
      architecture: ["amd64", "arm64"],
      compatibilities: [{ clusterVersion, platformVersions: ["*"], defaultVersion: true }],
      requiresConfiguration: false,
    })),
  }));
}
