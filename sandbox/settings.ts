import { readFileSync } from "node:fs";
import { isErrno, writePrivateFile } from "#lib/files.ts";
import type { CloudAccount } from "#sandbox/cloud/cloud.ts";

/** What `up` declares of the world outside of the sandbox; kept over restarts. */
export interface Declaration {
  /** Accounts of clouds; the first one of each cloud is its management account. */
  readonly accounts: readonly CloudAccount[];
  /** Domain that is hosted outside of the clouds. */
  readonly domain?: string;
  /** URL of the repository that this checkout stands for. */
  readonly repository?: string;
}

export interface SandboxSettings extends Declaration {
  /** Ports of this sandbox, by the port that a fleet wants. */
  readonly ports: Readonly<Record<string, number>>;
  /** Ports of the clouds' endpoints by cloud. */
  readonly cloudPorts: Readonly<Record<string, number>>;
}

const initial: SandboxSettings = { accounts: [], cloudPorts: {}, ports: {} };

export function readSettings(path: string): SandboxSettings {
  try {
    return { ...initial, ...(JSON.parse(readFileSync(path, "utf8")) as Partial<SandboxSettings>) };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return initial;
    throw error;
  }
}

export async function writeSettings(path: string, settings: SandboxSettings): Promise<void> {
  await writePrivateFile(path, JSON.stringify(settings));
}
