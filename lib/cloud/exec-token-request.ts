import type { Environment } from "#lib/environment.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** What kubectl asks `tasks/kube-token.ts` for. */
export interface ExecTokenRequest {
  /** An option that the kubeconfig fixes. @throws FleetError InvalidArgument */
  readonly option: (name: string, form: RegExp) => string;
  /** Name of the cluster in its cloud. */
  readonly cluster: string;
  readonly environment: Environment;
  /** Whether the API server rejected the last token, of `refusedVariable`. */
  readonly said: string;
  /** Folder of caches. */
  readonly cache: string;
  /** Folder of locks. */
  readonly locks: string;
  /** The fleet that the kubeconfig was written for. */
  readonly loadFleet: () => Promise<Fleet>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface ExecToken {
  readonly token: string;
  /** When clients ask for another one: milliseconds since 1970. */
  readonly expiresMs: number;
}
