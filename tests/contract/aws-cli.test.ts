import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { managementStackName, roleStackName } from "#lib/aws/names.ts";
import { projectRoot } from "#lib/paths.ts";
import { awsCli } from "#tests/support/aws-cli.ts";
import { type CliFleet, fleetOf, openCliFleet, stranger } from "#tests/support/aws-cli-fleet.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";

/** One that is no Python takes half a minute for each look at a stack. */
setDefaultTimeout(300_000);
if (awsCli.path === undefined) process.stdout.write(`stacks are not judged by the AWS CLI: ${awsCli.whyNot}\n`);

const eks = "k01-k8s-aws-mylabs-dev-eks";
const roleTemplate = "allow-mgmt-iam-role-to-assume-tenant-iam-role";
/** Owner, name and template of those that our tasks make for one cluster. */
const ours = [
  ["aws-mgmt", managementStackName, "route53-gh-action-iam-role-oidc"],
  ["aws-01", roleStackName, roleTemplate],
  ["aws-01", eks, "eks-cluster"],
] as const;
type Values = Readonly<Record<string, string>>;

interface Stack {
  readonly StackStatus: string;
  readonly RoleARN?: string;
  readonly Parameters: readonly { readonly ParameterKey: string; readonly ParameterValue: string }[];
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
  readonly Outputs: readonly { readonly OutputKey: string; readonly OutputValue: string }[];
}

describe.skipIf(awsCli.path === undefined)("the AWS CLI on stacks in the sandbox", () => {
  let place: CliFleet;
  /** Grows by what the CLI makes of it. */
  let fleet = fleetOf("k01");
  beforeAll(async () => {
    place = await openCliFleet(fleet);
  });
  afterAll(async () => await place.close());

  const formation = <Answer>(profile: string, ...args: readonly string[]): Promise<Answer> =>
    place.cli.json<Answer>(profile, "cloudformation", ...args);

  async function describeStack(profile: string, name: string): Promise<Stack> {
    const { Stacks } = await formation<{ readonly Stacks: readonly Stack[] }>(
      profile,
      "describe-stacks",
      "--stack-name",
      name,
    );
    const [stack] = Stacks;
    if (stack === undefined) throw new Error(`no stack ${name}`);
    return stack;
  }

  const parametersOf = ({ Parameters }: Stack): Values =>
    Object.fromEntries(Parameters.map(({ ParameterKey, ParameterValue }) => [ParameterKey, ParameterValue]));
  const tagsOf = ({ Tags }: Stack): Values => Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value]));
  const outputsOf = ({ Outputs }: Stack): Values =>
    Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const words = (values: Values): readonly string[] =>
    Object.entries(values).map(([name, value]) => `${name}=${value}`);

  /** As the CLI does it: a change set, and its execution. */
  function deploy(
    profile: string,
    name: string,
    template: string,
    { parameters, tags, role }: { readonly parameters: Values; readonly tags: Values; readonly role?: string },
  ) {
    const file = join(projectRoot, `cloudformation/${template}.yml`);
    return place.cli.run(
      profile,
      "cloudformation",
      "deploy",
      "--no-fail-on-empty-changeset",
      `--stack-name=${name}`,
      `--template-file=${file}`,
      "--capabilities=CAPABILITY_NAMED_IAM",
      ...(role === undefined ? [] : [`--role-arn=${role}`]),
      "--parameter-overrides",
      ...words(parameters),
      "--tags",
      ...words(tags),
    );
  }

  async function made(...args: Parameters<typeof deploy>): Promise<Stack> {
    const [profile, name] = args;
    const { code, text } = await deploy(...args);
    expect({ code, text }).toEqual({
      code: 0,
      text: expect.stringContaining(`Successfully created/updated stack - ${name}`),
    });
    return await describeStack(profile, name);
  }

  /** How a stack and each part of it compare with what was made. */
  async function drift(profile: string, name: string): Promise<Values> {
    const { StackDriftDetectionId: id } = await formation<{ readonly StackDriftDetectionId: string }>(
      profile,
      "detect-stack-drift",
      "--stack-name",
      name,
    );
    interface Detection {
      readonly DetectionStatus: string;
      readonly StackDriftStatus: string;
    }
    let detection: Detection;
    do {
      detection = await formation(profile, "describe-stack-drift-detection-status", "--stack-drift-detection-id", id);
    } while (detection.DetectionStatus === "DETECTION_IN_PROGRESS");
    const { StackResourceDrifts: parts } = await formation<{
      readonly StackResourceDrifts: readonly {
        readonly LogicalResourceId: string;
        readonly StackResourceDriftStatus: string;
      }[];
    }>(profile, "describe-stack-resource-drifts", "--stack-name", name);
    const others = parts.filter(({ StackResourceDriftStatus }) => StackResourceDriftStatus !== "IN_SYNC");
    return {
      "": detection.StackDriftStatus,
      ...Object.fromEntries(others.map((part) => [part.LogicalResourceId, part.StackResourceDriftStatus])),
    };
  }

  async function remove(profile: string, ...names: readonly string[]): Promise<void> {
    for (const name of names) {
      await formation(profile, "delete-stack", "--stack-name", name);
      await formation(profile, "wait", "stack-delete-complete", "--stack-name", name);
      const { code, text } = await place.cli.run(profile, "cloudformation", "describe-stacks", "--stack-name", name);
      expect([code, text]).not.toEqual([0, text]);
      expect(text).toContain(
        `An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id ${name} does not exist`,
      );
    }
  }

  test("finds nothing to change in those that our tasks made, and doesn't change them for our tasks", async () => {
    await Promise.all(
      ours.map(async ([profile, name, template]) => {
        const stack = await describeStack(profile, name);
        const same = {
          parameters: parametersOf(stack),
          tags: tagsOf(stack),
          ...(stack.RoleARN === undefined ? {} : { role: stack.RoleARN }),
        };
        const { code, text } = await deploy(profile, name, template, same);
        expect({ code, text }).toEqual({
          code: 0,
          text: expect.stringContaining(`No changes to deploy. Stack ${name} is up to date`),
        });
      }),
    );
    await place.aws.calls();
    const again = await place.aws.run("create-eks-all", [], { fleet });
    const changed = Object.values(again.results).filter(({ outcome }) => outcome !== "unchanged");
    expect([again.exitCode, changed]).toEqual([0, []]);
    expect((await place.aws.calls()).filter(isChanging)).toEqual([]);
  });

  test("tells of them, event by event and part by part, that they are as they were made", async () => {
    interface Part {
      readonly LogicalResourceId: string;
      readonly ResourceStatus: string;
    }
    const as = "aws-01-clusters";
    const [stack, { StackEvents: events }, { StackResourceSummaries: parts }] = await Promise.all([
      describeStack(as, eks),
      formation<{ readonly StackEvents: readonly Part[] }>(as, "describe-stack-events", "--stack-name", eks),
      formation<{ readonly StackResourceSummaries: readonly Part[] }>(as, "list-stack-resources", "--stack-name", eks),
    ]);
    expect(stack.StackStatus).toBe("CREATE_COMPLETE");
    expect(events[0]).toMatchObject({ LogicalResourceId: eks, ResourceStatus: "CREATE_COMPLETE" });
    expect(events.at(-1)).toMatchObject({ LogicalResourceId: eks, ResourceStatus: "REVIEW_IN_PROGRESS" });
    const complete = events.filter(({ ResourceStatus }) => ResourceStatus === "CREATE_COMPLETE");
    expect(complete.map(({ LogicalResourceId }) => LogicalResourceId).sort()).toEqual(
      [eks, ...parts.map(({ LogicalResourceId }) => LogicalResourceId)].sort(),
    );
    const states = Object.fromEntries(parts.map((part) => [part.LogicalResourceId, part.ResourceStatus]));
    for (const name of ["Vpc", "Cluster", "AdminAccess", "ExternalDnsIdentity"]) {
      expect([name, states[name]]).toEqual([name, "CREATE_COMPLETE"]);
    }
    // Of nodes in groups, which this cluster doesn't have.
    expect(Object.keys(states)).not.toContain("Nodes");
    // Looked for with the rights of the role that our tasks come by.
    expect(await drift("aws-01-clusters", eks)).toEqual({ "": "IN_SYNC" });
  });

  test("does not delete what is protected", async () => {
    const { code, text } = await place.cli.run("aws-01", "cloudformation", "delete-stack", "--stack-name", eks);
    expect(code).not.toBe(0);
    expect(text).toContain(
      `An error occurred (ValidationError) when calling the DeleteStack operation: Stack [${eks}] cannot be deleted while TerminationProtection is enabled`,
    );
    expect((await describeStack("aws-01", eks)).StackStatus).toBe("CREATE_COMPLETE");
  });

  test("makes each from its template in an account of its own, sees what is changed behind it, and deletes all", async () => {
    const tags = { project: "k8s-multicluster-gitops", fleet: "other.dev" };
    const cluster = "k01-k8s-aws-other-dev";
    const management = await made("stranger", "management", "route53-gh-action-iam-role-oidc", {
      parameters: {
        PrimaryDomain: "aws.other.dev",
        K8sDomain: "k8s.aws.other.dev",
        ManagementIamRoleName: "leader",
        ReadOnlyIamRoleName: "reader",
        UserArn: `arn:aws:iam::${stranger}:user/aws-cli`,
        TenantIamRoleArns: `arn:aws:iam::${stranger}:role/clusters,arn:aws:iam::222222222222:role/clusters`,
        TenantReadOnlyIamRoleArns: `arn:aws:iam::${stranger}:role/clusters-reader`,
      },
      tags,
    });
    const {
      ManagementIamRoleArn = "",
      ReadOnlyIamRoleArn = "",
      K8sZoneNameServers = "",
      K8sZoneId = "",
    } = outputsOf(management);
    expect(ManagementIamRoleArn).toBe(`arn:aws:iam::${stranger}:role/leader`);
    expect(K8sZoneNameServers.split(",").length).toBe(4);
    const roles = await made("stranger", "roles", roleTemplate, {
      parameters: {
        ManagementIamRoleArn,
        ReadOnlyManagementIamRoleArn: ReadOnlyIamRoleArn,
        ReadOnlyIamRoleName: "clusters-reader",
        TenantIamRoleName: "clusters",
        TenantIamRolePolicyName: "clusters",
        ExternalId: "other",
        CloudFormationIamRoleName: "cloudformation",
        K8sDomain: "k8s.aws.other.dev",
      },
      tags,
    });
    const { TenantIamRoleArn = "", CloudFormationIamRoleArn = "" } = outputsOf(roles);
    const running = await made("stranger", `${cluster}-eks`, "eks-cluster", {
      parameters: {
        ClusterName: cluster,
        ClusterFqdn: "k01.k8s.aws.other.dev",
        KubernetesVersion: "1.36",
        AdminRoleArn: TenantIamRoleArn,
        CloudFormationIamRoleArn,
        PublicAccessCidrs: "203.0.113.0/24,198.51.100.0/24",
        HostedZoneId: K8sZoneId,
        NodeMode: "managed",
      },
      tags,
      role: CloudFormationIamRoleArn,
    });
    expect(running).toMatchObject({ StackStatus: "CREATE_COMPLETE", RoleARN: CloudFormationIamRoleArn });
    expect(outputsOf(running).ClusterArn).toBe(`arn:aws:eks:us-east-1:${stranger}:cluster/${cluster}`);

    expect(await drift("stranger", "roles")).toEqual({ "": "IN_SYNC" });
    await place.cli.json("stranger", "iam", "update-role", "--role-name=clusters", "--max-session-duration=7200");
    expect(await drift("stranger", "roles")).toEqual({ "": "DRIFTED", TenantIamRole: "MODIFIED" });

    await remove("stranger", `${cluster}-eks`, "roles", "management");
    const zones = await place.cli.json("stranger", "route53", "list-hosted-zones");
    expect(zones).toEqual({ HostedZones: [] });
  });

  test("makes stacks that our tasks take for theirs, once they are protected", async () => {
    const of = (account: string) => ({ project: "k8s-multicluster-gitops", fleet: "mylabs.dev", account });
    const [example, management] = await Promise.all([
      describeStack("aws-01", roleStackName),
      describeStack("aws-mgmt", managementStackName),
    ]);
    const parameters = {
      ...parametersOf(example),
      TenantIamRoleName: "aws-02-iam-role",
      TenantIamRolePolicyName: "aws-02-iam-role-policy",
      ReadOnlyIamRoleName: "aws-02-read-only-iam-role",
      CloudFormationIamRoleName: (parametersOf(example).CloudFormationIamRoleName ?? "").replace("aws-01", "aws-02"),
      ManagementIamRoleArn: outputsOf(management).ManagementIamRoleArn ?? "",
    };
    await made("aws-02", roleStackName, roleTemplate, { parameters, tags: of("aws-02") });

    const larger = fleetOf("k01", "k03");
    const planned = await place.aws.run("plan", [], { fleet: larger });
    expect(planned.results["aws/aws-02/stack/role"]?.changes).toEqual([
      { field: "termination protection", from: "off", to: "on", effect: "in-place" },
    ]);
    await formation(
      "aws-02",
      "update-termination-protection",
      "--enable-termination-protection",
      "--stack-name",
      roleStackName,
    );
    const run = await place.aws.run("create-eks-all", [], { fleet: larger });
    expect([run.exitCode, run.results["aws/aws-02/stack/role"]?.outcome]).toEqual([0, "unchanged"]);
    fleet = larger;
  });
});
