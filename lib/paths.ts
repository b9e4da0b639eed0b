import { join, resolve } from "node:path";

/** File locations. All absolute. */
export interface Paths {
  /** The checkout. */
  readonly root: string;
  /** One kubeconfig per cluster, mode 0600; the folder has mode 0700 and is removed with its last file. */
  readonly kubeconfigs: string;
  /** One folder per run: journal and logs. */
  readonly runs: string;
  /** Downloaded and verified files, kept for the next run. */
  readonly cache: string;
  /** One lock per cluster, held while a command works on it. */
  readonly locks: string;
  /** One empty file for each local cluster whose creation has started and not completed. */
  readonly unfinished: string;
}

/** The checkout that contains this file. */
export const projectRoot = resolve(import.meta.dir, "..");

/** `state` is the folder for files that runs write; tests and the sandbox pass their own. @default <root>/clusters */
export function pathsBelow(root: string, state: string = join(root, "clusters")): Paths {
  return {
    root,
    kubeconfigs: join(state, ".kubeconfigs"),
    runs: join(state, ".runs"),
    cache: join(state, ".cache"),
    locks: join(state, ".locks"),
    unfinished: join(state, ".unfinished"),
  };
}

/** Kubeconfig of one cluster, named like upstream's. */
export function kubeconfigPath(paths: Paths, cluster: string): string {
  return join(paths.kubeconfigs, `kubeconfig_${cluster}.yml`);
}
