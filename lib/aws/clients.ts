import type { CloudFormation } from "@aws-sdk/client-cloudformation";
import type { EKS } from "@aws-sdk/client-eks";
import type { IAM } from "@aws-sdk/client-iam";
import type { Route53 } from "@aws-sdk/client-route-53";
import type { AwsSession } from "#lib/aws/credentials/sts.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";

/** In whose name AWS is called: an account, and the way into it. */
export interface AwsActor {
  readonly account: AwsAccount;
  /**
   * `administrator`: those who may do everything in the account, and make its roles; a person's own credentials, never a role of ours.
   * `management`: the management role, which holds zones and leads into other accounts.
   * `clusters`: the account's role that creates clusters.
   */
  readonly as: "administrator" | "management" | "clusters";
  /** With `administrator`: the role that reads instead where no administrator runs this, as in jobs. Administrator-only calls are denied then. */
  readonly otherwise?: "management" | "clusters";
  /** With `clusters`: a denial is final even if roles have just changed, for an account that may have no role. @default it is waited for */
  readonly atOnce?: true;
}

/** Clients of AWS. Each has proved whose it is before it is handed out, so that no call can reach another account. */
export interface AwsClients {
  /** @throws FleetError CredentialsMissing, AssumeRoleDenied, WrongAccount, PlaceholderAccount, AwsUnreachable */
  session(actor: AwsActor): Promise<AwsSession>;
  /** Undefined without credentials of the account's administrators. @throws FleetError WrongAccount, AwsUnreachable */
  findAdministrator(account: AwsAccount): Promise<AwsSession | undefined>;
  /** Called after roles of the account were created or changed: denied calls are retried until IAM has propagated them. */
  rolesChanged(account: AwsAccount): void;
  cloudFormation(actor: AwsActor, region: string): Promise<CloudFormation>;
  route53(actor: AwsActor): Promise<Route53>;
  iam(actor: AwsActor): Promise<IAM>;
  eks(actor: AwsActor, region: string): Promise<EKS>;
}
