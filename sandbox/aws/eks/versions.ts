import { eksVersions } from "#lib/aws/fleet/eks-versions.ts";
import { invalidParameter } from "#sandbox/aws/eks/state.ts";

/** What this EKS makes of each version of the table. */
const known: ReadonlyMap<string, { readonly patch: string; readonly platform: string }> = new Map([
  ["1.33", { patch: "v1.33.8", platform: "eks.30" }],
  ["1.34", { patch: "v1.34.4", platform: "eks.18" }],
  ["1.35", { patch: "v1.35.2", platform: "eks.8" }],
  ["1.36", { patch: "v1.36.1", platform: "eks.2" }],
]);

export const knownVersions: readonly string[] = eksVersions.map(({ version }) => version);
/** What a cluster gets that asks for none. */
export const defaultVersion = "1.35";

/** @throws AwsFault InvalidParameterException */
export function checkVersion(version: string): string {
  if (!knownVersions.includes(version)) throw invalidParameter(`unsupported Kubernetes version ${version}`);
  return version;
}

/** @throws AwsFault InvalidParameterException unless it is the next one */
export function checkUpgrade(from: string, to: string): string {
  checkVersion(to);
  if (minorOf(to) - minorOf(from) === 1) return to;
  throw invalidParameter(`Unsupported Kubernetes minor version update from ${from} to ${to}`);
}

export function platformOf(version: string): string {
  return known.get(version)?.platform ?? "eks.1";
}

/** As the API server says it: `v1.36.1-eks-0a1b2c3`. */
export function gitVersionOf(version: string): string {
  return `${known.get(version)?.patch ?? `v${version}.0`}-eks-5a1db2b`;
}

export function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}
