import { join, resolve } from "node:path";

/** Where files are. All absolute. */
export interface Paths {
  /** The checkout. */
  readonly root: string;
  /** One kubeconfig per cluster, mode 0600; the folder is 0700 and goes with its last file. */
  readonly kubeconfigs: string;
  /** One folder per run: journal and logs. */
  readonly runs: string;
  /** What was fetched and verified, kept for the next run. */
  readonly cache: string;
  /** One lock per cluster, held while a command works on it. */
  readonly locks: string;
  /** One empty file for each local cluster that a run began to create and that was never ready. */
  readonly unfinished: string;
}

/** The checkout that this file is in. */
export const projectRoot = resolve(import.meta.dir, "..");

/** `state` holds what runs write; tests and the sandbox give a folder of their own. @default <root>/clusters */
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

/** File of one cluster, named as upstream names it. */
export function kubeconfigPath(paths: Paths, cluster: string): string {
  return join(paths.kubeconfigs, `kubeconfig_${cluster}.yml`);
}
