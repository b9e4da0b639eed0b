import type { GitOpsSettings } from "#lib/argocd/gitops-graph.ts";

/** Tasks for what accounts share: whose, and of which accounts. */
export interface AccountScope {
  readonly provider: string;
  readonly of: "management" | "tenants";
}

/** What a run of a verb is asked to do. */
export interface RunOptions {
  /** Only what accounts of a cloud share; `accounts` of the selection then says of which. */
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
  /** Only what the fleet no longer names. */
  readonly orphans?: boolean;
  readonly retain: boolean;
  readonly adopt: boolean;
  readonly allowReplacement: boolean;
  readonly drift: boolean;
  /** Status accepts what is not created yet. */
  readonly allowAbsent?: boolean;
  /** A plan with changes ends with exit code 2. */
  readonly detailedExitcode?: boolean;
  readonly skipDnsCheck: boolean;
  readonly skipDnsWait: boolean;
  /** Undefined: Argo CD is left alone. */
  readonly gitops: GitOpsSettings | undefined;
}
