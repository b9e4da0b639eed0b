import type { IAM } from "@aws-sdk/client-iam";
import type { AssumeRoleCommandInput, STS } from "@aws-sdk/client-sts";
import { type Keys, keysOf, management, policyOf, tenant } from "#tests/sandbox/aws/cloud.ts";

/** An AWS to ask: the sandbox, or one that others have written. */
export interface AskedCloud {
  iam(keys: Keys | string): IAM;
  sts(keys: Keys | string): STS;
}

export interface TrustCase {
  readonly title: string;
  /** Where the role is; the caller is a user of the management account. */
  readonly account: string;
  /** Statements of the role's trust policy. `USER` stands for the caller's name. */
  readonly trust: readonly object[];
  /** Statements of the caller's own policy; none if empty. */
  readonly identity: readonly object[];
  readonly input?: Partial<AssumeRoleCommandInput>;
  readonly isLetIn: boolean;
  /** Where ministack 1.5.33 says otherwise than AWS's documentation. */
  readonly ministackDiffers?: string;
}

const user = { AWS: `arn:aws:iam::${management}:user/USER` };
const root = { AWS: `arn:aws:iam::${management}:root` };
const allow = { Effect: "Allow", Action: "sts:AssumeRole" } as const;
const deny = { Effect: "Deny", Action: "sts:AssumeRole" } as const;
const may = { Effect: "Allow", Action: "sts:*", Resource: "*" } as const;
const externalId = { Condition: { StringEquals: { "sts:ExternalId": "fleet/one" } } };

export const trustCases: readonly TrustCase[] = [
  {
    title: "another account, named itself, may by its own policy",
    account: tenant,
    trust: [{ ...allow, Principal: user }],
    identity: [may],
    isLetIn: true,
  },
  {
    title: "another account, named itself, without a policy of its own",
    account: tenant,
    trust: [{ ...allow, Principal: user }],
    identity: [],
    isLetIn: false,
  },
  {
    title: "another account, named by account, may by its own policy",
    account: tenant,
    trust: [{ ...allow, Principal: root }],
    identity: [may],
    isLetIn: true,
  },
  {
    title: "another account, named by account number, may by its own policy for another role only",
    account: tenant,
    trust: [{ ...allow, Principal: { AWS: management } }],
    identity: [{ ...may, Resource: `arn:aws:iam::${tenant}:role/another` }],
    isLetIn: false,
  },
  {
    title: "another account that is not named",
    account: tenant,
    trust: [{ ...allow, Principal: { AWS: `arn:aws:iam::${tenant}:root` } }],
    identity: [may],
    isLetIn: false,
  },
  {
    title: "the same account, named itself, without a policy of its own",
    account: management,
    trust: [{ ...allow, Principal: user }],
    identity: [],
    isLetIn: true,
    ministackDiffers: "it wants a policy of the caller too",
  },
  {
    title: "the same account, named by account, without a policy of its own",
    account: management,
    trust: [{ ...allow, Principal: root }],
    identity: [],
    isLetIn: false,
  },
  {
    title: "the same account, named itself, but denied by its own policy",
    account: management,
    trust: [{ ...allow, Principal: user }],
    identity: [{ ...may, Effect: "Deny" }],
    isLetIn: false,
  },
  {
    title: "denied by the trust policy beside being allowed",
    account: tenant,
    trust: [
      { ...allow, Principal: root },
      { ...deny, Principal: user },
    ],
    identity: [may],
    isLetIn: false,
  },
  {
    title: "with the external id that is asked for",
    account: tenant,
    trust: [{ ...allow, Principal: user, ...externalId }],
    identity: [may],
    input: { ExternalId: "fleet/one" },
    isLetIn: true,
  },
  {
    title: "with another external id",
    account: tenant,
    trust: [{ ...allow, Principal: user, ...externalId }],
    identity: [may],
    input: { ExternalId: "fleet/two" },
    isLetIn: false,
  },
  {
    title: "without the external id that is asked for",
    account: tenant,
    trust: [{ ...allow, Principal: user, ...externalId }],
    identity: [may],
    isLetIn: false,
  },
  {
    title: "everybody, but for a pattern of ARNs that fits",
    account: tenant,
    trust: [
      {
        ...allow,
        Principal: { AWS: "*" },
        Condition: { ArnLike: { "aws:PrincipalArn": `arn:aws:iam::${management}:user/*` } },
      },
    ],
    identity: [may],
    isLetIn: true,
  },
  {
    title: "everybody, but for a pattern of ARNs that does not fit",
    account: tenant,
    trust: [
      {
        ...allow,
        Principal: { AWS: "*" },
        Condition: { ArnLike: { "aws:PrincipalArn": `arn:aws:iam::${management}:role/*` } },
      },
    ],
    identity: [may],
    isLetIn: false,
  },
  {
    title: "with a source identity that the trust policy lets in",
    account: tenant,
    trust: [{ ...allow, Action: ["sts:AssumeRole", "sts:SetSourceIdentity"], Principal: user }],
    identity: [may],
    input: { SourceIdentity: "ada" },
    isLetIn: true,
  },
  {
    title: "with a source identity that the trust policy does not let in",
    account: tenant,
    trust: [{ ...allow, Principal: user }],
    identity: [may],
    input: { SourceIdentity: "ada" },
    isLetIn: false,
    ministackDiffers: "it does not ask",
  },
  {
    title: "with a source identity that the caller's own policy does not let it set",
    account: tenant,
    trust: [{ ...allow, Action: ["sts:AssumeRole", "sts:SetSourceIdentity"], Principal: user }],
    identity: [{ ...may, Action: "sts:AssumeRole" }],
    input: { SourceIdentity: "ada" },
    isLetIn: false,
    ministackDiffers: "it does not ask",
  },
  {
    title: "a service is trusted, not the caller",
    account: management,
    trust: [{ ...allow, Principal: { Service: "ec2.amazonaws.com" } }],
    identity: [may],
    isLetIn: false,
  },
];

/** Makes the user and the role of a case, and tries. @returns whether the role was assumed */
export async function tryCase(cloud: AskedCloud, one: TrustCase, number: number): Promise<boolean> {
  const [userName, roleName] = [`caller-${number}`, `role-${number}`];
  const own = cloud.iam(management);
  await own.createUser({ UserName: userName });
  const { AccessKey: key } = await own.createAccessKey({ UserName: userName });
  if (one.identity.length > 0) {
    const document = policyOf(...one.identity);
    await own.putUserPolicy({ UserName: userName, PolicyName: "own", PolicyDocument: document });
  }
  const trust = policyOf(...one.trust).replaceAll("USER", userName);
  const { Role: role } = await cloud
    .iam(one.account)
    .createRole({ RoleName: roleName, AssumeRolePolicyDocument: trust });
  const keys = { accessKeyId: key?.AccessKeyId ?? "", secretAccessKey: key?.SecretAccessKey ?? "" };
  try {
    const { Credentials: found } = await cloud
      .sts(keys)
      .assumeRole({ RoleArn: role?.Arn, RoleSessionName: "case", ...one.input });
    const { Account: account } = await cloud.sts(keysOf(found)).getCallerIdentity({});
    return account === one.account;
  } catch (error) {
    if (error instanceof Error && error.name === "AccessDenied") return false;
    throw error;
  }
}
