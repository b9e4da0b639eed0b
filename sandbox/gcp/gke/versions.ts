import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";

interface Channel {
  readonly default: string;
  /** Newest first. */
  readonly valid: readonly string[];
}

const [v137, v136, v135, v134, v133, v132] = [
  "1.37.0-gke.1052000",
  "1.36.3-gke.1018000",
  "1.35.8-gke.1036000",
  "1.34.11-gke.1022000",
  "1.33.15-gke.1009000",
  "1.32.20-gke.1004000",
] as const;
const [older136, older135] = ["1.36.2-gke.1234000", "1.35.7-gke.1027000"] as const;

/** What GKE offers in every location of the sandbox. Modelled on September 2026; only the default of REGULAR is a documented one. */
const channels: Readonly<Record<string, Channel>> = {
  RAPID: { default: v136, valid: [v137, v136, v135, v134, v133] },
  REGULAR: { default: v135, valid: [v136, older136, v135, older135, v134, v133] },
  STABLE: { default: v134, valid: [older135, v134, v133] },
  EXTENDED: { default: v135, valid: [v136, older136, v135, older135, v134, v133, v132] },
};
/** Of clusters without a channel. */
const unenrolled: Channel = { default: v135, valid: [v136, older136, v135, older135, v134, v133] };

export function serverConfig(): Json {
  return {
    channels: Object.entries(channels).map(([channel, { default: defaultVersion, valid }]) => ({
      channel,
      defaultVersion,
      upgradeTargetVersion: defaultVersion,
      validVersions: valid,
    })),
    defaultClusterVersion: unenrolled.default,
    defaultImageType: "COS_CONTAINERD",
    validImageTypes: ["COS_CONTAINERD", "UBUNTU_CONTAINERD", "WINDOWS_LTSC_CONTAINERD"],
    validMasterVersions: unenrolled.valid,
    validNodeVersions: [...unenrolled.valid, v132],
  };
}

/**
 * The version that a text means in a channel: `1.36` and `latest` are the newest one, `-` and nothing the default.
 *
 * @param channel empty for none
 * @throws GcpFault 400
 */
export function resolveVersion(channel: string, text: string): string {
  const { valid, default: standard } = channels[channel] ?? unenrolled;
  if (text === "" || text === "-") return standard;
  if (text === "latest") return valid[0] ?? standard;
  const found = valid.find((version) => version === text || version.startsWith(`${text}${dividerOf(text)}`));
  if (found !== undefined) return found;
  throw invalidArgument(
    text.includes("-gke.")
      ? `Master version "${text}" is unsupported.`
      : `No valid versions with the prefix "${text}" found.`,
  );
}

/** `1.36` goes on with a patch, `1.36.3` with GKE's own number. */
function dividerOf(text: string): string {
  return text.split(".").length < 3 ? "." : "-";
}

/** One minor version up at most, and never down. @throws GcpFault 400 */
export function checkUpgrade(from: string, to: string): void {
  if (minorOf(to) - minorOf(from) > 1) {
    throw invalidArgument(
      `Master cannot be upgraded to "${to}": cannot upgrade the master more than a minor version at a time.`,
    );
  }
  if (compareVersions(to, from) < 0) throw invalidArgument(`Master cannot be downgraded from "${from}" to "${to}".`);
}

/** Nodes are never newer than their control plane, and at most three minor versions older. @throws GcpFault 400 */
export function checkSkew(node: string, master: string): void {
  if (compareVersions(node, master) <= 0 && minorOf(master) - minorOf(node) <= 3) return;
  throw invalidArgument(
    compareVersions(node, master) > 0
      ? `Node version "${node}" must not have a greater version than master "${master}".`
      : `Node version "${node}" is too old for master "${master}".`,
  );
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

/** By each number in them. */
function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** As API servers say it: `v1.36.3-gke.1018000`. */
export function gitVersion(version: string): string {
  return `v${version}`;
}
