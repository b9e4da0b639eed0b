import { closeSync, fstatSync, openSync, unlinkSync } from "node:fs";
import { FleetError } from "#lib/errors.ts";

/**
 * DrvFs of WSL 2, vfat and some network shares accept every file mode but don't store it.
 *
 * @param mode the actual mode of a file created with mode 0600 or 0700
 * @throws FleetError ModesIgnored
 */
export function refuseIgnoredModes(mode: number, path: string, setting = "CLUSTERS_DIRECTORY"): void {
  if ((mode & 0o077) === 0) return;
  throw new FleetError(
    "ModesIgnored",
    `${path}: its file system does not keep file modes (0${(mode & 0o777).toString(8)} instead of 0600), so that other users could read credentials`,
    { hint: `set ${setting} to a path in a Linux file system, e.g. below your home directory` },
  );
}

/** The actual mode of a file created with mode 0600 next to this path; 0 if nothing can be written. */
export function modeOfNewFile(path: string): number {
  const probe = `${path}.${process.pid}-${crypto.randomUUID()}.tmp`;
  try {
    const file = openSync(probe, "wx", 0o600);
    try {
      return fstatSync(file).mode;
    } finally {
      closeSync(file);
      unlinkSync(probe);
    }
  } catch {
    return 0;
  }
}
