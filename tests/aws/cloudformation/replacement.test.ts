import { describe, expect, test } from "bun:test";
import type { ResourceChange } from "@aws-sdk/client-cloudformation";
import { refuseReplacement } from "#lib/aws/cloudformation/replacement.ts";
import { failureOf } from "#tests/support/failure.ts";

const cluster: ResourceChange = {
  Action: "Modify",
  LogicalResourceId: "Cluster",
  ResourceType: "AWS::EKS::Cluster",
  Replacement: "False",
};
const role: ResourceChange = { ...cluster, LogicalResourceId: "Role", ResourceType: "AWS::IAM::Role" };
const detailsOf = (changes: readonly ResourceChange[]) =>
  failureOf(() => refuseReplacement("aws-01: stack k01", changes)).then(({ details }) => details);
const passes = (changes: readonly ResourceChange[]) => expect(refuseReplacement("", changes)).toBeUndefined();
const conditional = (change: ResourceChange, CausingEntity: string): ResourceChange => ({
  ...change,
  Replacement: "Conditional",
  Details: [
    {
      Evaluation: "Dynamic",
      ChangeSource: "ResourceAttribute",
      CausingEntity,
      Target: { Attribute: "Properties", Name: "RoleArn", RequiresRecreation: "Always" },
    },
  ],
});

describe("a change set is refused", () => {
  test("when something of value would be replaced, with what is lost", async () => {
    const Details = [{ Target: { Attribute: "Properties", Name: "EncryptionConfig" } }] as const;
    expect(await detailsOf([{ ...cluster, Replacement: "True", Details: [...Details] }])).toEqual([
      "Cluster (AWS::EKS::Cluster), EncryptionConfig would be replaced: all that runs in the cluster is lost, and its address changes",
    ]);
  });

  test("when it would be removed", async () => {
    const [line] = await detailsOf([{ ...role, Action: "Remove", Replacement: undefined }]);
    expect(line).toStartWith("Role (AWS::IAM::Role) would be removed: ");
  });

  test("when it may be replaced because something else is", async () => {
    const [, line] = await detailsOf([{ ...role, Replacement: "True" }, conditional(cluster, "Role.Arn")]);
    expect(line).toStartWith("Cluster (AWS::EKS::Cluster), RoleArn may be replaced: ");
  });

  test("when nobody says why it may be replaced", async () => {
    expect(await detailsOf([{ ...cluster, Replacement: "Conditional" }])).toHaveLength(1);
  });
});

describe("a change set is taken", () => {
  test("when all is changed in place", () => passes([cluster, role]));

  test("when it takes an attribute of something that stays", () => passes([role, conditional(cluster, "Role.Arn")]));

  test("when only what can be had back is made anew or removed", () => {
    const route = { ...cluster, LogicalResourceId: "Route", ResourceType: "AWS::EC2::Route" };
    passes([
      { ...route, Replacement: "True" },
      { ...route, Action: "Remove" },
    ]);
  });

  test("when what leaves the stack is kept", () => passes([{ ...role, Action: "Remove", PolicyAction: "Retain" }]));
});
