import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { CloudFormation } from "@aws-sdk/client-cloudformation";
import { IAM } from "@aws-sdk/client-iam";
import { XMLParser } from "fast-xml-parser";
import { projectRoot } from "#lib/paths.ts";
import { type AwsSystem, awsSystems, type Judged, type OpenedAws } from "#tests/support/aws-systems.ts";
import { callSigned } from "#tests/support/signed-call.ts";

setDefaultTimeout(60_000);
const region = "us-east-1";
const account = "123456789012";
const cluster = "k01-k8s-aws-mylabs-test";

/** The same network and the same cluster on every AWS that is here; each is asked only for what it does as AWS does. */
for (const system of awsSystems) {
  if (system.whyNot !== undefined) {
    process.stdout.write(`networks and clusters are not made on ${system.name}: ${system.whyNot}\n`);
    continue;
  }
  describe(`a network and a cluster on ${system.name}`, () => resources(system));
}

interface Network {
  readonly subnets: readonly { readonly cidr: string; readonly zone: string; readonly isPublic: boolean }[];
  /** Where what goes elsewhere goes to. */
  readonly gateway: string;
}

interface Answer {
  readonly status: number;
  readonly code: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever EKS answers; what is expected of it stands in the tests
  readonly body: any;
}

function resources({ open, judges }: AwsSystem): void {
  let aws: OpenedAws;
  let cloudFormation: CloudFormation;
  let outputs: Readonly<Record<string, string>>;
  let role = "";
  const on = (what: Judged) => test.skipIf(!judges.has(what));
  const keys = () => ({ endpoint: aws.endpoint, keys: aws.keysOf(account), region });

  beforeAll(async () => {
    aws = await open(account);
    const settings = { region, endpoint: aws.endpoint, credentials: aws.keysOf(account) };
    cloudFormation = new CloudFormation(settings);
    const iam = new IAM(settings);
    const trust = { Effect: "Allow", Principal: { Service: "eks.amazonaws.com" }, Action: "sts:AssumeRole" };
    const { Role } = await iam.createRole({
      RoleName: "cluster",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
    });
    role = Role?.Arn ?? "";
    iam.destroy();
    outputs = await makeNetwork("network");
  });
  afterAll(async () => {
    cloudFormation.destroy();
    await aws.stop();
  });

  /** Straight, and not by a change set: moto tells no outputs of those. */
  async function makeNetwork(name: string): Promise<Readonly<Record<string, string>>> {
    const body = await Bun.file(`${projectRoot}/tests/fixtures/stacks/network.yml`).text();
    await cloudFormation.createStack({ StackName: name, TemplateBody: body });
    const stack = await ended(name);
    expect([stack?.StackStatus, stack?.StackStatusReason ?? ""]).toEqual(["CREATE_COMPLETE", ""]);
    return Object.fromEntries(
      (stack?.Outputs ?? []).map(({ OutputKey = "", OutputValue = "" }) => [OutputKey, OutputValue]),
    );
  }

  async function ended(name: string) {
    for (;;) {
      const { Stacks = [] } = await cloudFormation.describeStacks({ StackName: name });
      if (Stacks[0]?.StackStatus?.endsWith("_IN_PROGRESS") !== true) return Stacks[0];
      await Bun.sleep(20);
    }
  }

  async function eks(path: string): Promise<Answer> {
    const { status, headers, text } = await callSigned({ ...keys(), service: "eks" }, "GET", path, "");
    const body = JSON.parse(text);
    const code = status < 300 ? "" : (headers.get("x-amzn-errortype") ?? body.__type ?? body.code ?? "");
    return { status, code: String(code).split(":")[0] ?? "", body };
  }

  /** A stack with one cluster, as our template creates it. */
  async function makeCluster(stack: string, properties: object, more: object = {}) {
    const template = { Resources: { Cluster: { Type: "AWS::EKS::Cluster", Properties: properties }, ...more } };
    await cloudFormation.createStack({ StackName: stack, TemplateBody: JSON.stringify(template) });
    return await ended(stack);
  }

  async function remove(stack: string): Promise<void> {
    await cloudFormation.deleteStack({ StackName: stack });
    expect(await ended(stack).catch((error) => error.message)).toBe(`Stack with id ${stack} does not exist`);
  }

  const subnetIds = () => outputs.SubnetIds?.split(",") ?? [];
  const inputOf = (change: object = {}) => ({
    Name: cluster,
    Version: "1.35",
    RoleArn: role,
    ResourcesVpcConfig: { SubnetIds: subnetIds(), PublicAccessCidrs: ["203.0.113.0/24"] },
    AccessConfig: { AuthenticationMode: "API", BootstrapClusterCreatorAdminPermissions: false },
    Tags: [{ Key: "fleet", Value: "mylabs.test" }],
    ...change,
  });

  test("the stack tells by its outputs what it made", () => {
    expect(outputs).toEqual({
      VpcId: expect.stringMatching(/^vpc-[0-9a-f]{17}$/),
      GatewayId: expect.stringMatching(/^igw-[0-9a-f]{17}$/),
      SubnetIds: expect.stringMatching(/^subnet-[0-9a-f]{17},subnet-[0-9a-f]{17}$/),
      RouteTableId: expect.stringMatching(/^rtb-[0-9a-f]{17}$/),
    });
    expect(new Set(outputs.SubnetIds?.split(",")).size).toBe(2);
  });

  test("the network is what the template says", async () => {
    const network = await (judges.has("API of EC2") ? readNetwork() : readActual());
    const [a, b] = network.subnets.toSorted((one, other) => one.zone.localeCompare(other.zone));
    expect(a).toMatchObject({ cidr: "10.20.0.0/20", zone: "us-east-1a" });
    expect(b).toEqual({ cidr: "10.20.16.0/20", zone: "us-east-1b", isPublic: false });
    if (judges.has("network attributes")) expect(a?.isPublic).toBe(true);
    expect(network.gateway).toBe(outputs.GatewayId ?? "");
  });

  /** By the API of EC2. */
  async function readNetwork(): Promise<Network> {
    const read = async (action: string) => {
      const words = new URLSearchParams({ Action: action, Version: "2016-11-15" }).toString();
      const { text } = await callSigned(
        { ...keys(), service: "ec2" },
        "POST",
        "/",
        words,
        "application/x-www-form-urlencoded",
      );
      const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === "item" });
      return parser.parse(text)[`${action}Response`];
    };
    const [{ subnetSet }, { routeTableSet }] = [await read("DescribeSubnets"), await read("DescribeRouteTables")];
    interface Item {
      readonly [field: string]: string;
    }
    const table = routeTableSet.item.find(({ routeTableId }: Item) => routeTableId === outputs.RouteTableId);
    return {
      subnets: subnetSet.item
        .filter(({ vpcId }: Item) => vpcId === outputs.VpcId)
        .map(({ cidrBlock, availabilityZone, mapPublicIpOnLaunch }: Item) => ({
          cidr: cidrBlock,
          zone: availabilityZone,
          isPublic: mapPublicIpOnLaunch === "true",
        })),
      gateway: table.routeSet.item.find(({ destinationCidrBlock: to }: Item) => to === "0.0.0.0/0")?.gatewayId,
    };
  }

  /** By what CloudFormation finds when it looks for drift: the sandbox has no API of EC2. */
  async function readActual(): Promise<Network> {
    const { StackDriftDetectionId } = await cloudFormation.detectStackDrift({ StackName: "network" });
    for (;;) {
      const { DetectionStatus } = await cloudFormation.describeStackDriftDetectionStatus({ StackDriftDetectionId });
      if (DetectionStatus !== "DETECTION_IN_PROGRESS") break;
      await Bun.sleep(20);
    }
    const { StackResourceDrifts = [] } = await cloudFormation.describeStackResourceDrifts({ StackName: "network" });
    const actual = (type: string) =>
      StackResourceDrifts.filter(({ ResourceType }) => ResourceType === type).map(({ ActualProperties = "{}" }) =>
        JSON.parse(ActualProperties),
      );
    return {
      subnets: actual("AWS::EC2::Subnet").map(({ CidrBlock, AvailabilityZone, MapPublicIpOnLaunch = false }) => ({
        cidr: CidrBlock,
        zone: AvailabilityZone,
        isPublic: MapPublicIpOnLaunch,
      })),
      gateway: actual("AWS::EC2::Route")[0]?.GatewayId,
    };
  }

  on("clusters of stacks")("a cluster in it comes, is described as its stack asked for it, and goes", async () => {
    expect(await makeCluster("cluster", inputOf())).toMatchObject({ StackStatus: "CREATE_COMPLETE" });
    const { body } = await eks(`/clusters/${cluster}`);
    expect(body.cluster).toMatchObject({
      arn: `arn:aws:eks:${region}:${account}:cluster/${cluster}`,
      status: "ACTIVE",
      version: "1.35",
      roleArn: role,
      resourcesVpcConfig: { subnetIds: subnetIds() },
      accessConfig: {
        authenticationMode: "API",
        // ministack leaves it out of what a stack asks for.
        ...(judges.has("rules of EKS") ? { bootstrapClusterCreatorAdminPermissions: false } : {}),
      },
      tags: { fleet: "mylabs.test" },
      endpoint: expect.stringMatching(/^https:/),
      createdAt: expect.any(Number),
    });
    if (judges.has("network attributes")) expect(body.cluster.resourcesVpcConfig.vpcId).toBe(outputs.VpcId);
    expect((await eks("/clusters")).body.clusters).toEqual([cluster]);
    expect(await eks("/clusters/another")).toMatchObject({ status: 404, code: "ResourceNotFoundException" });
    await remove("cluster");
    expect(await eks(`/clusters/${cluster}`)).toMatchObject({ status: 404, code: "ResourceNotFoundException" });
    expect((await eks("/clusters")).body).toMatchObject({ clusters: [] });
  });

  on("rules of EKS")("a role is let into a cluster once, and known by its ARN", async () => {
    const policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
    const entry = {
      Type: "AWS::EKS::AccessEntry",
      Properties: {
        ClusterName: { Ref: "Cluster" },
        PrincipalArn: role,
        AccessPolicies: [{ PolicyArn: policy, AccessScope: { Type: "cluster" } }],
      },
    };
    await makeCluster("entry", inputOf(), { Entry: entry });
    const entries = `/clusters/${cluster}/access-entries`;
    const one = `${entries}/${encodeURIComponent(role)}`;
    expect((await eks(entries)).body.accessEntries).toEqual([role]);
    const { body } = await eks(one);
    expect(body.accessEntry).toMatchObject({ clusterName: cluster, principalArn: role, type: "STANDARD" });
    expect((await eks(`${one}/access-policies`)).body.associatedAccessPolicies).toEqual([
      expect.objectContaining({ policyArn: policy, accessScope: expect.objectContaining({ type: "cluster" }) }),
    ]);
    await remove("entry");
    expect((await eks(one)).code).toBe("ResourceNotFoundException");
  });

  on("rules of EKS")("a cluster is refused that EKS could not make", async () => {
    const vpcOf = (...SubnetIds: readonly string[]) => ({ ResourcesVpcConfig: { SubnetIds } });
    for (const [index, wrong] of [
      { Version: "1.99" },
      { RoleArn: `arn:aws:iam::${account}:role/nobody` },
      vpcOf(...subnetIds().slice(0, 1)),
      vpcOf("subnet-0123456789abcdef0", "subnet-0123456789abcdef1"),
    ].entries()) {
      const stack = `wrong-${index}`;
      expect([wrong, (await makeCluster(stack, inputOf(wrong)))?.StackStatus]).toEqual([wrong, "ROLLBACK_COMPLETE"]);
      const { StackEvents = [] } = await cloudFormation.describeStackEvents({ StackName: stack });
      const failed = StackEvents.find(({ ResourceStatus }) => ResourceStatus === "CREATE_FAILED");
      expect([wrong, failed?.ResourceStatusReason]).toEqual([wrong, expect.stringContaining("InvalidRequest")]);
    }
  });

  on("rules of EKS")("a network with a cluster in it stays, and goes after it", async () => {
    const { SubnetIds = "" } = await makeNetwork("used");
    await makeCluster("user", inputOf({ ResourcesVpcConfig: { SubnetIds: SubnetIds.split(",") } }));
    await cloudFormation.deleteStack({ StackName: "used" });
    expect((await ended("used"))?.StackStatus).toBe("DELETE_FAILED");
    await remove("user");
    await remove("used");
  });
}
