import { afterEach, describe, expect, test } from "bun:test";
import { networkOf, setNetworkQuotas } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { account, closeLabs, openLab, region } from "#tests/sandbox/aws/cloudformation/harness.ts";

afterEach(closeLabs);

const vpc = (CidrBlock = "10.0.0.0/16", more: object = {}) => ({
  Type: "AWS::EC2::VPC",
  Properties: { CidrBlock, ...more },
});
const ref = (Ref: string) => ({ Ref });
const subnet = (CidrBlock: string, more: object = {}) => ({
  Type: "AWS::EC2::Subnet",
  Properties: { VpcId: ref("Vpc"), CidrBlock, ...more },
});
const whole = {
  Resources: {
    Vpc: vpc(),
    Gateway: { Type: "AWS::EC2::InternetGateway" },
    Attachment: {
      Type: "AWS::EC2::VPCGatewayAttachment",
      Properties: { VpcId: ref("Vpc"), InternetGatewayId: ref("Gateway") },
    },
    Public: subnet("10.0.0.0/24"),
    Table: { Type: "AWS::EC2::RouteTable", Properties: { VpcId: ref("Vpc") } },
    Route: {
      Type: "AWS::EC2::Route",
      DependsOn: "Attachment",
      Properties: { RouteTableId: ref("Table"), DestinationCidrBlock: "0.0.0.0/0", GatewayId: ref("Gateway") },
    },
    Association: {
      Type: "AWS::EC2::SubnetRouteTableAssociation",
      Properties: { RouteTableId: ref("Table"), SubnetId: ref("Public") },
    },
    Address: { Type: "AWS::EC2::EIP", DependsOn: "Attachment", Properties: { Domain: "vpc" } },
    Nat: {
      Type: "AWS::EC2::NatGateway",
      Properties: { SubnetId: ref("Public"), AllocationId: { "Fn::GetAtt": ["Address", "AllocationId"] } },
    },
  },
};

describe("a network", () => {
  test("has public addresses for more than one small range", async () => {
    const lab = await openLab();
    setNetworkQuotas(lab.cloud, account, region, { addresses: 300 });
    const names = Array.from({ length: 300 }, (_, index) => `Address${index}`);
    const Resources = Object.fromEntries(names.map((name) => [name, { Type: "AWS::EC2::EIP" }]));
    expect((await lab.deploy("addresses", { Resources })).StackStatus).toBe("CREATE_COMPLETE");
    const { addresses } = networkOf(lab.cloud, account, region);
    expect(new Set(Object.values(addresses).map(({ ip }) => ip)).size).toBe(300);
  });

  test("is made in the order of its needs, and removed the other way round", async () => {
    const lab = await openLab();
    const { StackStatus, StackId = "" } = await lab.deploy("net", whole, { Tags: [{ Key: "project", Value: "x" }] });
    expect(StackStatus).toBe("CREATE_COMPLETE");
    const state = networkOf(lab.cloud, account, region);
    const [made] = Object.values(state.vpcs);
    expect(made?.tags).toMatchObject({
      project: "x",
      "aws:cloudformation:stack-name": "net",
      "aws:cloudformation:logical-id": "Vpc",
    });
    await lab.cfn.deleteStack({ StackName: StackId });
    await lab.service.settled();
    expect(await lab.failures(StackId)).toEqual([]);
    const { quotas: _, ...rest } = state;
    expect(Object.values(rest).flatMap((items) => Object.keys(items))).toEqual([]);
  });

  test("that somebody has put something into stays, and its deletion says so", async () => {
    const lab = await openLab();
    await lab.deploy("net", { Resources: { Vpc: vpc() } });
    const state = networkOf(lab.cloud, account, region);
    const [made] = Object.values(state.vpcs);
    const id = made?.id ?? "";
    state.gateways["igw-1"] = { id: "igw-1", tags: {}, vpcId: id };
    await lab.cfn.deleteStack({ StackName: "net" });
    expect((await lab.stack("net")).StackStatus).toBe("DELETE_FAILED");
    expect(await lab.failures("net")).toEqual([
      expect.stringContaining(`The vpc '${id}' has dependencies and cannot be deleted.`),
      expect.stringContaining("The following resource(s) failed to delete: [Vpc]. "),
    ]);
    delete state.gateways["igw-1"];
    await lab.cfn.deleteStack({ StackName: "net" });
    await lab.service.settled();
    expect(state.vpcs).toEqual({});
  });

  test.each<[string, object, string]>([
    ["outside of the network", subnet("10.1.0.0/24"), "The CIDR '10.1.0.0/24' is invalid."],
    ["over another subnet", subnet("10.0.0.128/25"), "The CIDR '10.0.0.128/25' conflicts with another subnet"],
    [
      "in a zone that isn't there",
      subnet("10.0.2.0/24", { AvailabilityZone: "us-east-1z" }),
      "Value (us-east-1z) for parameter availabilityZone is invalid.",
    ],
  ])("has no subnet %s", async (_, wrong, message) => {
    const lab = await openLab();
    const resources = { Vpc: vpc(), Good: subnet("10.0.0.0/24"), Wrong: { ...wrong, DependsOn: "Good" } };
    const stack = await lab.deploy("net", { Resources: resources });
    expect(stack.StackStatus).toBe("ROLLBACK_COMPLETE");
    expect((await lab.failures("net"))[0]).toContain(message);
  });

  test("has no NAT gateway without a way out", async () => {
    const lab = await openLab();
    const { Attachment: _, Route: __, Table: ___, Association: ____, ...rest } = whole.Resources;
    const resources = { ...rest, Address: { Type: "AWS::EC2::EIP" } };
    await lab.deploy("net", { Resources: resources });
    expect((await lab.failures("net")).join()).toContain("has no Internet gateway attached");
  });

  test("has no address in an account that has had its share", async () => {
    const lab = await openLab();
    setNetworkQuotas(lab.cloud, account, region, { addresses: 1 });
    const address = { Type: "AWS::EC2::EIP" };
    await lab.deploy("net", { Resources: { One: address, Two: { ...address, DependsOn: "One" } } });
    expect((await lab.failures("net"))[0]).toContain("The maximum number of addresses has been reached.");
  });

  test("is one of five", async () => {
    const lab = await openLab();
    const names = ["A", "B", "C", "D", "E", "F"];
    const resources = names.map((name, index) => [
      name,
      { ...vpc(`10.${index}.0.0/16`), DependsOn: names.slice(0, index) },
    ]);
    const stack = await lab.deploy("net", { Resources: Object.fromEntries(resources) });
    expect(stack.StackStatus).toBe("ROLLBACK_COMPLETE");
    expect(await lab.failures("net")).toEqual([
      expect.stringMatching(/^F: .*The maximum number of VPCs has been reached.*ServiceLimitExceeded/),
    ]);
  });
});
