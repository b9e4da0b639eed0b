import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import type { Rendered } from "#tests/cloudformation/render.ts";

/**
 * What cfn-lint has no rule for, and AWS takes without a word or refuses only after a quarter of an hour. A rule looks at a rendered
 * template and tells each fault with the name of its resource.
 */
export type Rule = (rendered: Rendered) => readonly string[];

const github = "token.actions.githubusercontent.com";
/** Services whose sessions bear tags that policies decide by. */
const taggers = ["eks.amazonaws.com", "pods.eks.amazonaws.com"];

export const rules = {
  /** A condition on the audience alone lets every repository of GitHub in. */
  trustOfGitHubIsWhole: (rendered) =>
    trusts(rendered).flatMap(([name, statement]) => {
      if (!actionsOf(statement).includes("sts:AssumeRoleWithWebIdentity")) return [];
      const equal = objectAt(statement, "Condition", "StringEquals");
      const missing = ["aud", "repository_id", "sub"].filter(
        (claim) => textsOf(equal[`${github}:${claim}`]).length === 0,
      );
      const patterns = textsOf(equal[`${github}:sub`]).filter((subject) => /[*?]/.test(subject));
      return [
        ...missing.map((claim) => `${name}: without ${claim}`),
        ...patterns.map((one) => `${name}: pattern ${one}`),
      ];
    }),

  trustIsOfSomebody: (rendered) =>
    trusts(rendered)
      .filter(
        ([, { Principal }]) =>
          Principal === "*" || Object.values(objectAt(Principal)).some((one) => textsOf(one).includes("*")),
      )
      .map(([name]) => `${name}: trusts everybody`),

  trustIsOfRolesNotSessions: (rendered) =>
    trusts(rendered)
      .filter(([, { Principal }]) => JSON.stringify(Principal).includes(":assumed-role/"))
      .map(([name]) => `${name}: trusts a session, which ends`),

  /** EKS looks up the role, and a session has none of its own. */
  accessIsOfRolesNotSessions: (rendered) =>
    named(rendered, "AWS::EKS::AccessEntry")
      .filter(([, { PrincipalArn }]) => !/^arn:[a-z-]+:iam::\d{12}:(role|user)\//.test(String(PrincipalArn)))
      .map(([name]) => `${name}: not the ARN of a role`),

  /** Without them Auto Mode makes no nodes, and pods get no credentials. */
  sessionsHaveTags: (rendered) =>
    trusts(rendered)
      .filter(
        ([, statement]) =>
          textsOf(objectAt(statement, "Principal").Service).some((service) => taggers.includes(service)) &&
          !actionsOf(statement).includes("sts:TagSession"),
      )
      .map(([name]) => `${name}: without sts:TagSession`),

  /** AWS lists no sts:ExternalId for sts:SetSourceIdentity: a statement that wants it refuses. */
  sourceIdentityStandsApart: (rendered) =>
    trusts(rendered)
      .filter(
        ([, statement]) =>
          actionsOf(statement).includes("sts:SetSourceIdentity") &&
          JSON.stringify(statement).includes("sts:ExternalId"),
      )
      .map(([name]) => `${name}: sts:SetSourceIdentity never has an sts:ExternalId`),

  autoModeIsWhole: (rendered) =>
    named(rendered, "AWS::EKS::Cluster").flatMap(([name, cluster]) => {
      const switches = [
        valueAt(cluster, "ComputeConfig", "Enabled"),
        valueAt(cluster, "StorageConfig", "BlockStorage", "Enabled"),
        valueAt(cluster, "KubernetesNetworkConfig", "ElasticLoadBalancing", "Enabled"),
      ].map((one) => one === true);
      const isWhole = switches.every(Boolean) || !switches.some(Boolean);
      const hasOwnAddons = switches.some(Boolean) && cluster.BootstrapSelfManagedAddons !== false;
      return [
        ...(isWhole ? [] : [`${name}: compute, storage and load balancing go together`]),
        ...(hasOwnAddons ? [`${name}: BootstrapSelfManagedAddons has to be false`] : []),
      ];
    }),

  /** Else EKS reads a ConfigMap, and its administrator is whoever made it: the role of CloudFormation. */
  clustersHaveAccessEntries: (rendered) =>
    named(rendered, "AWS::EKS::Cluster").flatMap(([name, { AccessConfig }]) => [
      ...(stringAt(AccessConfig, "AuthenticationMode") === "API" ? [] : [`${name}: AuthenticationMode is not API`]),
      ...(valueAt(AccessConfig, "BootstrapClusterCreatorAdminPermissions") === false
        ? []
        : [`${name}: its maker is its administrator`]),
    ]),

  nobodyMayEverything: (rendered) => [
    ...named(rendered, "AWS::IAM::Role").flatMap(([name, { ManagedPolicyArns }]) =>
      textsOf(ManagedPolicyArns)
        .filter((arn) => /\/(AdministratorAccess|PowerUserAccess|IAMFullAccess)$/.test(arn))
        .map((arn) => `${name}: ${arn}`),
    ),
    ...grants(rendered)
      .filter(([, statement]) => actionsOf(statement).some((action) => /^(\*|iam:\*|sts:\*|kms:\*)$/.test(action)))
      .map(([name]) => `${name}: allows every action`),
  ],

  /** A role may be handed to any service that then acts by it. */
  rolesArePassedToServices: (rendered) =>
    grants(rendered)
      .filter(
        ([, statement]) =>
          actionsOf(statement).includes("iam:PassRole") &&
          (!JSON.stringify(statement.Condition ?? {}).includes("iam:PassedToService") ||
            textsOf(statement.Resource).includes("*")),
      )
      .map(([name]) => `${name}: passes roles to anything`),

  /** ForAllValues holds when the request has no value at all. */
  setsAreThere: (rendered) =>
    grants(rendered).flatMap(([name, statement]) =>
      Object.entries(objectAt(statement, "Condition"))
        .filter(([operator]) => operator.startsWith("ForAllValues:") && !operator.includes("Not"))
        .flatMap(([, keys]) => Object.keys(objectAt(keys)))
        .filter((key) => stringAt(statement, "Condition", "Null", key) !== "false")
        .map((key) => `${name}: ${key} may be missing`),
    ),

  /** EKS does not support the key: https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html */
  grantsAreForEks: (rendered) =>
    JSON.stringify(rendered).includes("kms:GrantIsForAWSResource") ? ["kms:GrantIsForAWSResource: not for EKS"] : [],

  /** IAM trusts GitHub's certificates by itself; a thumbprint is one more thing that runs out. */
  noThumbprints: (rendered) => (/humbprint/.test(JSON.stringify(rendered)) ? ["a thumbprint"] : []),
} as const satisfies Readonly<Record<string, Rule>>;

type Named = readonly [name: string, value: JsonObject];

function named({ resources }: Rendered, type: string): readonly Named[] {
  return Object.entries(resources).flatMap(([name, one]) => (one.type === type ? [[name, one.properties]] : []));
}

function trusts(rendered: Rendered): readonly Named[] {
  return named(rendered, "AWS::IAM::Role").flatMap(([name, role]) =>
    listAt(role, "AssumeRolePolicyDocument", "Statement").map((one) => [name, objectAt(one)] as const),
  );
}

/** Statements that allow something: of roles and of policies. */
function grants(rendered: Rendered): readonly Named[] {
  const documents = [
    ...named(rendered, "AWS::IAM::Role").flatMap(([name, role]) =>
      listAt(role, "Policies").map((policy) => [name, objectAt(policy, "PolicyDocument")] as const),
    ),
    ...named(rendered, "AWS::IAM::ManagedPolicy").map(
      ([name, policy]) => [name, objectAt(policy, "PolicyDocument")] as const,
    ),
  ];
  return documents.flatMap(([name, document]) =>
    listAt(document, "Statement").flatMap((one) =>
      isObject(one) && one.Effect === "Allow" ? [[name, one] as const] : [],
    ),
  );
}

function actionsOf(statement: JsonObject): readonly string[] {
  return textsOf(statement.Action);
}

function textsOf(value: Json | undefined): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return typeof value === "string" ? [value] : [];
}
