import { readFileSync } from "node:fs";
import { isErrno, writePrivateFile } from "#lib/files.ts";

/** What `up` says of the world outside of the sandbox; kept, so that it is the same after a restart. */
export interface SandboxWorld {
  /** Accounts of AWS; the first is the management account. None: there is no AWS. */
  readonly accounts: readonly AwsAccountName[];
  /** Domain that is hosted outside of the clouds. */
  readonly domain?: string;
  /** URL of the repository that this checkout stands for. */
  readonly repository?: string;
}

export interface AwsAccountName {
  readonly name: string;
  /** Twelve digits. */
  readonly id: string;
}

export interface SandboxSettings extends SandboxWorld {
  /** Ports of this sandbox, by the port that a fleet wants. */
  readonly ports: Readonly<Record<string, number>>;
  /** Port of AWS' endpoint; 0 before it was ever open. */
  readonly awsPort: number;
}

const initial: SandboxSettings = { accounts: [], awsPort: 0, ports: {} };

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
