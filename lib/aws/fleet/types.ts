import type { AccountBase, CloudClusterBase } from "#lib/fleet/types.ts";

declare module "#lib/fleet/types.ts" {
  interface ProviderEntries {
    readonly aws: { readonly account: AwsAccount; readonly cluster: EksCluster };
  }
}

export interface AwsAccount extends AccountBase {
  readonly provider: "aws";
  /** Twelve digits. */
  readonly accountId: string;
  /**
   * Name of the IAM role that creates the account's clusters, at most 44 characters. Changing it replaces the role.
   * @default `<name>-iam-role`; `<name>-clusters-iam-role` in the management account, whose own role has the former
   */
  readonly iamRole?: string;
}

export interface EksCluster extends CloudClusterBase {
  readonly provider: "aws";
  readonly name: `${string}.k8s.aws.${string}`;
  /** Ranges in CIDR form from which the API server's public address may be reached: those of your people and of CI. */
  readonly publicAccessCidrs: readonly string[];
  /** Compute: EKS Auto Mode, or a managed node group of a fixed size. @default "auto" */
  readonly nodes?: "auto" | NodeGroup;
}

/** Nodes of one instance type. */
export interface NodeGroup {
  /** As EC2 spells it, e.g. `m7g.large`. */
  readonly instanceType: string;
  readonly count: number;
}
