import { describe, expect, test } from "bun:test";
import {
  type Contract,
  cluster,
  githubProvider,
  management,
  tenant,
  variants,
} from "#tests/cloudformation/contract.ts";
import { type Parameters, readTemplate, render } from "#tests/cloudformation/render.ts";
import { rules } from "#tests/cloudformation/rules.ts";

type Name = keyof typeof rules;

describe.each(variants)("$title", ({ of, given }) => {
  test.each(Object.keys(rules) as Name[])("%s", async (name) => {
    const rendered = render(await readTemplate(of.file), { ...of.values, ...given });
    expect(rules[name](rendered)).toEqual([]);
  });
});

interface Break {
  readonly rule: Name;
  readonly in: Contract;
  readonly given?: Parameters;
  /** A text of the template, and what somebody might write instead. */
  readonly replace: readonly [string | RegExp, string];
  readonly fault: string;
}

const jobs: Parameters = {
  OidcProviderArn: githubProvider,
  SubjectClaimFilters: "repo:a/b:ref:main",
  RepositoryId: "2",
};
const claim = (name: string): RegExp => new RegExp(`\\n +token\\.actions\\.githubusercontent\\.com:${name}: .*`);

const breaks: readonly Break[] = [
  {
    rule: "trustOfGitHubIsWhole",
    in: management,
    given: jobs,
    replace: [claim("aud"), ""],
    fault: "ManagementIamRole: without aud",
  },
  {
    rule: "trustOfGitHubIsWhole",
    in: management,
    given: jobs,
    replace: [claim("sub"), ""],
    fault: "ManagementIamRole: without sub",
  },
  {
    rule: "trustOfGitHubIsWhole",
    in: management,
    given: jobs,
    replace: ["StringEquals:", "StringLike:"],
    fault: "ManagementIamRole: without repository_id",
  },
  {
    rule: "trustOfGitHubIsWhole",
    in: management,
    given: jobs,
    replace: ["sub: !Ref SubjectClaimFilters", 'sub: "repo:owner/*"'],
    fault: "ManagementIamRole: pattern repo:owner/*",
  },
  {
    rule: "trustIsOfSomebody",
    in: management,
    replace: ["AWS: !Ref UserArn", 'AWS: "*"'],
    fault: "ManagementIamRole: trusts everybody",
  },
  {
    rule: "trustIsOfRolesNotSessions",
    in: tenant,
    replace: [
      "AWS: !Ref ManagementIamRoleArn",
      "AWS: arn:aws:sts::111111111111:assumed-role/aws-mgmt-iam-role/session",
    ],
    fault: "TenantIamRole: trusts a session, which ends",
  },
  {
    rule: "accessIsOfRolesNotSessions",
    in: cluster,
    replace: ["!Ref AdminRoleArn", "arn:aws:sts::222222222222:assumed-role/aws-01-iam-role/session"],
    fault: "AdminAccess: not the ARN of a role",
  },
  {
    rule: "sessionsHaveTags",
    in: cluster,
    replace: [/\n +- sts:TagSession/, ""],
    fault: "ClusterRole: without sts:TagSession",
  },
  {
    rule: "sourceIdentityStandsApart",
    in: tenant,
    replace: ["Action: sts:AssumeRole\n", "Action: [sts:AssumeRole, sts:SetSourceIdentity]\n"],
    fault: "TenantIamRole: sts:SetSourceIdentity never has an sts:ExternalId",
  },
  {
    rule: "autoModeIsWhole",
    in: cluster,
    replace: [/BlockStorage:\n +Enabled: true/, "BlockStorage: {Enabled: false}"],
    fault: "Cluster: compute, storage and load balancing go together",
  },
  {
    rule: "autoModeIsWhole",
    in: cluster,
    replace: [/\n +BootstrapSelfManagedAddons: false/, ""],
    fault: "Cluster: BootstrapSelfManagedAddons has to be false",
  },
  {
    rule: "clustersHaveAccessEntries",
    in: cluster,
    replace: [/\n +AuthenticationMode: API/, ""],
    fault: "Cluster: AuthenticationMode is not API",
  },
  {
    rule: "clustersHaveAccessEntries",
    in: cluster,
    replace: [/\n +BootstrapClusterCreatorAdminPermissions: false/, ""],
    fault: "Cluster: its maker is its administrator",
  },
  {
    rule: "nobodyMayEverything",
    in: cluster,
    replace: ["AmazonEKSClusterPolicy", "AdministratorAccess"],
    fault: "ClusterRole: arn:aws:iam::aws:policy/AdministratorAccess",
  },
  {
    rule: "nobodyMayEverything",
    in: tenant,
    replace: ["Action: iam:AttachRolePolicy", "Action: iam:*"],
    fault: "CloudFormationIamRole: allows every action",
  },
  {
    rule: "rolesArePassedToServices",
    in: tenant,
    replace: ["iam:PassedToService: cloudformation.amazonaws.com", "aws:PrincipalAccount: !Ref AWS::AccountId"],
    fault: "TenantIamRole: passes roles to anything",
  },
  {
    rule: "setsAreThere",
    in: management,
    replace: [/\n +route53:ChangeResourceRecordSetsRecordTypes: "false"/, ""],
    fault: "ManagementIamRole: route53:ChangeResourceRecordSetsRecordTypes may be missing",
  },
  {
    rule: "grantsAreForEks",
    in: tenant,
    replace: ["iam:PassedToService: cloud", "kms:GrantIsForAWSResource: cloud"],
    fault: "kms:GrantIsForAWSResource: not for EKS",
  },
  {
    rule: "noThumbprints",
    in: management,
    replace: ["Comment: Delegated to by hand", "ThumbprintList: [6938fd4d98bab03faadb97b34396831e3780aea1]"],
    fault: "a thumbprint",
  },
];

describe("a broken template", () => {
  test.each(breaks)(
    "$rule finds: $fault",
    async ({ rule, in: { file, values }, given, replace: [from, to], fault }) => {
      const text = await readTemplate(file);
      const broken = text.replace(from, to);
      expect(broken).not.toBe(text);
      expect(rules[rule](render(broken, { ...values, ...given }))).toContain(fault);
    },
  );

  test("is there for each rule", () => {
    expect(new Set(breaks.map(({ rule }) => rule))).toEqual(new Set(Object.keys(rules) as Name[]));
  });
});
