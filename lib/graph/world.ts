import type { Clock } from "#lib/clock.ts";
import type { DnsRoot } from "#lib/dns/directory.ts";
import type { Exec } from "#lib/exec.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";
import type { Locks } from "#lib/locks.ts";
import type { Paths } from "#lib/paths.ts";

/** What resources may touch. Read-only, passed in, built once per run; progress and signal are bound per resource. */
export interface World {
  readonly exec: Exec;
  /** Environment of programs that are not run by exec, because what goes in and out of them is binary. */
  readonly variables: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly paths: Paths;
  readonly locks: Locks;
  readonly kubernetes: (endpoint: Endpoint) => KubernetesApi;
  /** Where the proof of a delegation begins. */
  readonly dns: DnsRoot;
  /** Text behind an https URL. Whoever calls checks its digest. @throws FleetError DownloadFailed */
  readonly download: (url: string) => Promise<string>;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Says what is being done or waited for; shown beside the resource. */
  readonly progress: (message: string) => void;
  /** A line that a program printed; kept in the run's log. */
  readonly output: (line: string) => void;
  readonly options: WorldOptions;
}

export interface WorldOptions {
  /** Leave a failed cluster's containers for a look. */
  readonly retain: boolean;
  /** Take over things of the right name that another tool made. */
  readonly adopt: boolean;
  /** Permit changes that can't be made in place. */
  readonly allowReplacement: boolean;
  /** Have clouds compare what they made with what is there; takes minutes. */
  readonly drift: boolean;
  /** Believe the cloud's word for a delegation, where name servers can't be asked. */
  readonly skipDnsCheck: boolean;
  /** Remove a zone before those who know its delegation have forgotten it. */
  readonly skipDnsWait: boolean;
}

/** Nothing that has to be asked for. */
export const cautious: WorldOptions = {
  retain: false,
  adopt: false,
  allowReplacement: false,
  drift: false,
  skipDnsCheck: false,
  skipDnsWait: false,
};
