import type { Clock } from "#lib/clock.ts";
import type { DnsRoot } from "#lib/dns/directory.ts";
import type { Exec } from "#lib/exec.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";
import type { Locks } from "#lib/locks.ts";
import type { Paths } from "#lib/paths.ts";

/** The dependencies of resources. Read-only, passed in, built once per run; progress and signal are bound per resource. */
export interface World {
  readonly exec: Exec;
  /** Environment of programs that are not run by exec, because their input and output are binary. */
  readonly variables: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly paths: Paths;
  readonly locks: Locks;
  readonly kubernetes: (endpoint: Endpoint) => KubernetesApi;
  /** Where the verification of a delegation starts. */
  readonly dns: DnsRoot;
  /** Downloads text from an https URL. The caller checks its digest. @throws FleetError DownloadFailed */
  readonly download: (url: string) => Promise<string>;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Reports the current step or wait; shown next to the resource. */
  readonly progress: (message: string) => void;
  /** A line of a program's output; written to the run's log. */
  readonly output: (line: string) => void;
  readonly options: WorldOptions;
}

export interface WorldOptions {
  /** Keep the containers of failed clusters for debugging. */
  readonly retain: boolean;
  /** Take over existing resources of the same name that another tool created. */
  readonly adopt: boolean;
  /** Allow changes that can't be made in place. */
  readonly allowReplacement: boolean;
  /** Run drift detection in the clouds; takes minutes. */
  readonly drift: boolean;
  /** Trust the cloud's API for a delegation, where name servers can't be reached. */
  readonly skipDnsCheck: boolean;
  /** Remove a zone before resolvers' cached delegations have expired. */
  readonly skipDnsWait: boolean;
}

/** All options off. */
export const cautious: WorldOptions = {
  retain: false,
  adopt: false,
  allowReplacement: false,
  drift: false,
  skipDnsCheck: false,
  skipDnsWait: false,
};
