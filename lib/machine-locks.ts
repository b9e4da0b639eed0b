import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { isErrno } from "#lib/files.ts";
import { createLocks, type Locks } from "#lib/locks.ts";

/**
 * The locks of one checkout. Locks on resources shared by this user's checkouts, such as a cluster in Docker, are in a folder
 * that all checkouts use: otherwise two clones could create and remove the same cluster at once.
 */
export function withMachineLocks(own: Locks, clock: Clock, command: string, folder = machineFolder()): Locks {
  const shared = createLocks(folder, clock, command);
  return {
    hold(name, waiting, work) {
      if (waiting.onMachine !== true) return own.hold(name, waiting, work);
      return own.hold(name, waiting, () => (isOurs(folder) ? shared.hold(name, waiting, work) : work()));
    },
  };
}

function machineFolder(): string {
  return join(tmpdir(), `k8s-multicluster-gitops-${process.getuid?.() ?? "user"}`);
}

/** Folder for locks that all checkouts of this user share; undefined if there is none that only this user can write to. */
export function findMachineFolder(folder = machineFolder()): string | undefined {
  return isOurs(folder) ? folder : undefined;
}

/** The folder for temporary files is world-writable: a folder that another user created first is not used. */
function isOurs(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return true;
  return found.isDirectory() && found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o022) === 0;
}
