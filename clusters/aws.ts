import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import type { CloudZones } from "#lib/fleet/types.ts";

export const zones = {
  provider: "aws",
  primary: "aws.mylabs.dev",
  clusters: "k8s.aws.mylabs.dev",
} as const satisfies CloudZones;

/** Ids of one repeated digit are placeholders: put your own in before you leave the sandbox. */
export const accounts: readonly AwsAccount[] = [
  { provider: "aws", name: "aws-mgmt", role: "management", accountId: "111111111111" },
  { provider: "aws", name: "aws-01", role: "tenant", accountId: "222222222222", iamRole: "aws-01-iam-role" },
  { provider: "aws", name: "aws-02", role: "tenant", accountId: "333333333333", iamRole: "aws-02-iam-role" },
];

/**
 * Public addresses of your people and your CI: only they can reach the API servers over the internet. This range is an example
 * for documentation (RFC 5737); replace it.
 */
const publicAccessCidrs = ["203.0.113.0/24"];

export const clusters: readonly EksCluster[] = [
  { provider: "aws", name: "k01.k8s.aws.mylabs.dev", account: "aws-01", region: "us-east-1", publicAccessCidrs },
  { provider: "aws", name: "k02.k8s.aws.mylabs.dev", account: "aws-01", region: "eu-central-1", publicAccessCidrs },
  { provider: "aws", name: "k03.k8s.aws.mylabs.dev", account: "aws-02", region: "us-east-1", publicAccessCidrs },
  { provider: "aws", name: "k04.k8s.aws.mylabs.dev", account: "aws-02", region: "eu-central-1", publicAccessCidrs },
];
