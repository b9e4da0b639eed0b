import { describe, expect, test } from "bun:test";
import { readTemplate as readByLib } from "#lib/aws/cloudformation/template.ts";
import { projectRoot } from "#lib/paths.ts";
import { parseTemplateText } from "#sandbox/aws/cloudformation/template/parse.ts";
import { referencesOf } from "#sandbox/aws/cloudformation/template/references.ts";
import { parseTemplate } from "#sandbox/aws/cloudformation/template/template.ts";
import { isObject, objectAt, stringAt } from "#sandbox/json.ts";
import { cluster, contracts, management, variants } from "#tests/cloudformation/contract.ts";
import { readTemplate, render } from "#tests/cloudformation/render.ts";

/** What can't be had back once it is gone. */
const stateful = ["AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::Route53::HostedZone"];

describe.each(contracts)("$file", ({ file, parameters, outputs, values }) => {
  test("has the parameters and outputs that others know", async () => {
    const template = parseTemplate(await readTemplate(file));
    expect([...template.parameters.keys()]).toEqual([...parameters]);
    expect([...template.outputs.keys()]).toEqual([...outputs]);
  });

  test("says what each of them is", async () => {
    const template = parseTemplate(await readTemplate(file));
    const parameters = [...template.parameters.values()].map(({ Description }) => Description);
    const said = [...parameters, ...[...template.outputs.values()].map(({ description }) => description)];
    expect(said.every((description = "") => /^[A-Z].*\.$/.test(description))).toBe(true);
    expect(template.description).toMatch(/\.$/);
  });

  test("holds each parameter to a form", async () => {
    const { parameters: declared } = parseTemplate(await readTemplate(file));
    const loose = [...declared].filter(
      ([, { AllowedPattern, AllowedValues, MaxValue }]) => (AllowedPattern ?? AllowedValues ?? MaxValue) === undefined,
    );
    // Ranges of addresses: EKS has its own mind about them, and tells it.
    expect(loose.map(([name]) => name)).toEqual(file === cluster.file ? ["PublicAccessCidrs"] : []);
  });

  test("needs only those values that a fleet has to give", async () => {
    const { parameters: declared } = parseTemplate(await readTemplate(file));
    const needed = [...declared].filter(([, one]) => one.Default === undefined).map(([name]) => name);
    expect(needed.sort()).toEqual(Object.keys(values).sort());
  });

  test("uses each parameter and condition", async () => {
    const text = await readTemplate(file);
    const template = parseTemplate(text);
    const { Parameters: _, ...rest } = parseTemplateText(text);
    const used = new Set(referencesOf(rest).map(({ name }) => name));
    for (const { condition } of template.resources.values()) if (condition !== undefined) used.add(condition);
    const declared = [...template.parameters.keys(), ...template.conditions.keys()];
    expect(declared.filter((name) => !used.has(name))).toEqual([]);
  });

  test("says of everything that can't be had back what becomes of it", async () => {
    const { Resources } = parseTemplateText(await readTemplate(file));
    const silent = Object.entries(objectAt(Resources)).filter(
      ([, resource]) =>
        stateful.includes(stringAt(resource, "Type")) &&
        !(stringAt(resource, "DeletionPolicy") && stringAt(resource, "UpdateReplacePolicy")),
    );
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  test("is small enough to be sent with the call", async () => {
    expect(Buffer.byteLength(await readTemplate(file))).toBeLessThan(51_200);
  });

  test("exports nothing, so that no stack holds another one", async () => {
    const { Outputs } = parseTemplateText(await readTemplate(file));
    expect(Object.values(objectAt(Outputs)).filter((output) => objectAt(output).Export !== undefined)).toEqual([]);
  });

  test("is read alike by the two who read it", async () => {
    const { body } = await readByLib(projectRoot, `cloudformation/${file}`);
    expect(JSON.parse(JSON.stringify(body))).toEqual(parseTemplateText(await readTemplate(file)));
  });
});

test.each(variants)("$title: nothing of it is left open", async ({ of, given }) => {
  const rendered = render(await readTemplate(of.file), { ...of.values, ...given });
  expect(JSON.stringify(rendered)).not.toMatch(/\$\{|"Fn::|"Ref":|undefined/);
  expect(Object.keys(rendered.resources).length).toBeGreaterThan(0);
});

describe("the management template", () => {
  const read = async (given: Readonly<Record<string, string>>) =>
    render(await readTemplate(management.file), { ...management.values, ...given });

  test("delegates the zone that it makes, also within one that was there", async () => {
    const both = await read({});
    expect(both.resources.K8sDelegation?.properties).toMatchObject({
      Type: "NS",
      TTL: "86400",
      HostedZoneId: "Z0MADE",
    });
    const below = await read({ ExistingPrimaryZoneId: "Z0BEFORE" });
    expect(below.resources.PrimaryZone).toBeUndefined();
    expect(below.resources.K8sDelegation?.properties.HostedZoneId).toBe("Z0BEFORE");
    expect(below.outputs).toMatchObject({ PrimaryZoneId: "Z0BEFORE", PrimaryZoneNameServers: "" });
  });

  test("makes nothing of zones that are there, but names them", async () => {
    const { resources, outputs } = await read({ ExistingPrimaryZoneId: "Z0BEFORE1", ExistingK8sZoneId: "Z0BEFORE2" });
    expect(Object.keys(resources)).toEqual(["ManagementIamRole", "ReadOnlyIamRole", "ReadPolicy"]);
    expect(outputs).toMatchObject({ PrimaryZoneId: "Z0BEFORE1", K8sZoneId: "Z0BEFORE2" });
  });
});

describe("the cluster template", () => {
  const read = async (given: Readonly<Record<string, string>>) =>
    render(await readTemplate(cluster.file), { ...cluster.values, ...given });

  test("cuts the network into parts that don't overlap", async () => {
    const { resources } = await read({ VpcCidr: "10.7.0.0/16" });
    const ranges = Object.values(resources)
      .filter(({ type }) => type === "AWS::EC2::Subnet")
      .map(({ properties }) => String(properties.CidrBlock));
    expect(ranges.sort()).toEqual(["0", "128", "160", "32", "64", "96"].map((third) => `10.7.${third}.0/19`));
  });

  test("has a subnet of either kind in three zones, and nodes in the private ones only", async () => {
    const { resources } = await read({ NodeMode: "managed" });
    const zones = Object.entries(resources).flatMap(([name, { type, properties }]) =>
      type === "AWS::EC2::Subnet" ? [[name.replace(/.$/, ""), properties.AvailabilityZone]] : [],
    );
    for (const kind of ["PrivateSubnet", "PublicSubnet"]) {
      expect(new Set(zones.filter(([name]) => name === kind).map(([, zone]) => zone)).size).toBe(3);
    }
    const own = ["A", "B", "C"].map((zone) => `PrivateSubnet${zone}.Id`);
    expect(objectAt(resources.Cluster?.properties, "ResourcesVpcConfig").SubnetIds).toEqual(own);
    expect(resources.NodeGroup?.properties.Subnets).toEqual(own);
  });

  test("has one NAT gateway, or one in each zone", async () => {
    const ways = async (NatGateways: string) => {
      const { resources } = await read({ NatGateways });
      return ["A", "B", "C"].map((zone) => resources[`PrivateRoute${zone}`]?.properties.NatGatewayId);
    };
    expect(await ways("one")).toEqual(["NatGatewayA.Id", "NatGatewayA.Id", "NatGatewayA.Id"]);
    expect(await ways("per-zone")).toEqual(["NatGatewayA.Id", "NatGatewayB.Id", "NatGatewayC.Id"]);
  });

  test.each([
    ["m7g.large", "AL2023_ARM_64_STANDARD"],
    ["c8gn.xlarge", "AL2023_ARM_64_STANDARD"],
    ["im4gn.large", "AL2023_ARM_64_STANDARD"],
    ["t4g.medium", "AL2023_ARM_64_STANDARD"],
    ["m7i.large", "AL2023_x86_64_STANDARD"],
    ["m7i-flex.large", "AL2023_x86_64_STANDARD"],
    ["c6a.metal", "AL2023_x86_64_STANDARD"],
  ])("starts a %s from an image of its architecture", async (NodeInstanceType, image) => {
    const { resources } = await read({ NodeMode: "managed", NodeInstanceType });
    expect(resources.NodeLaunchTemplate?.properties.LaunchTemplateData).toEqual({
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
      BlockDeviceMappings: [
        {
          DeviceName: "/dev/xvda",
          Ebs: { DeleteOnTermination: true, Encrypted: true, VolumeSize: 20, VolumeType: "gp3" },
        },
      ],
    });
    expect(resources.NodeGroup?.properties.AmiType).toBe(image);
  });

  test.each(["g5.xlarge", "p5.48xlarge", "inf2.xlarge", "mac2.metal", "a1.large"])("takes no %s", async (type) => {
    await expect(read({ NodeMode: "managed", NodeInstanceType: type })).rejects.toThrow("NodeInstanceType");
  });

  test("brings add-ons where Auto Mode doesn't", async () => {
    const addons = async (NodeMode: string) =>
      Object.values((await read({ NodeMode })).resources)
        .filter(({ type }) => type === "AWS::EKS::Addon")
        .map(({ properties }) => String(properties.AddonName))
        .sort();
    expect(await addons("managed")).toEqual(["coredns", "eks-pod-identity-agent", "kube-proxy", "vpc-cni"]);
    expect(await addons("auto")).toEqual([]);
  });

  test("removes the log group after the network, and the key after the log group", async () => {
    const { Resources } = parseTemplateText(await readTemplate(cluster.file));
    expect(objectAt(Resources, "Vpc").DependsOn).toBe("ClusterLogGroup");
    expect(referencesOf(objectAt(Resources, "ClusterLogGroup"))).toContainEqual({
      kind: "attribute",
      name: "EncryptionKey",
      attribute: "Arn",
    });
  });

  test("tags subnets as load balancers look for them", async () => {
    const { resources } = await read({});
    const tagsOf = (name: string): unknown => resources[name]?.properties.Tags;
    for (const zone of ["A", "B", "C"]) {
      expect(tagsOf(`PublicSubnet${zone}`)).toContainEqual({ Key: "kubernetes.io/role/elb", Value: "1" });
      expect(tagsOf(`PrivateSubnet${zone}`)).toContainEqual({ Key: "kubernetes.io/role/internal-elb", Value: "1" });
    }
    expect(Object.values(resources).filter(({ properties }) => properties.MapPublicIpOnLaunch === true)).toEqual([]);
    expect(Object.values(resources).filter((one) => !isObject(one.properties))).toEqual([]);
  });
});
