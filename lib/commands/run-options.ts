import type { GitOpsSettings } from "#lib/argocd/gitops-graph.ts";

/** For tasks on resources shared by accounts: the provider and the accounts. */
export interface AccountScope {
  readonly provider: string;
  readonly of: "management" | "tenants";
}

/** Options of a verb's run. */
export interface RunOptions {
  /** Only the resources shared by a cloud's accounts; `accounts` of the selection names the accounts. */
  readonly accounts?: AccountScope;
  readonly selection: {
    readonly within?: readonly string[];
    readonly clusters: readonly string[];
    readonly accounts: readonly string[];
    readonly providers: readonly string[];
    readonly targets: readonly string[];
  };
  readonly fleetFile?: string;
  readonly jobs?: number;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly sandbox: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  /** Only orphans: resources that are no longer in the fleet. */
  readonly orphans?: boolean;
  readonly retain: boolean;
  readonly adopt: boolean;
  readonly allowReplacement: boolean;
  readonly drift: boolean;
  /** `status` accepts absent resources. */
  readonly allowAbsent?: boolean;
  /** A plan with changes exits with 2. */
  readonly detailedExitcode?: boolean;
  readonly skipDnsCheck: boolean;
  readonly skipDnsWait: boolean;
  /** Undefined: Argo CD is not changed. */
  readonly gitops: GitOpsSettings | undefined;
}
