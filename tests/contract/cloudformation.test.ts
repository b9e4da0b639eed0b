import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CloudFormation, waitUntilChangeSetCreateComplete } from "@aws-sdk/client-cloudformation";
import { IAM } from "@aws-sdk/client-iam";
import { type ParameterValue, type StackOptions, type StackState, stack } from "#lib/aws/cloudformation/stack.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { WorldOptions } from "#lib/graph/world.ts";
import { projectRoot } from "#lib/paths.ts";
import { type AwsSystem, awsSystems, type Judged, type OpenedAws } from "#tests/support/aws-systems.ts";
import { failureOf } from "#tests/support/failure.ts";
import { stackWorld } from "#tests/support/stack-world.ts";

const region = "us-east-1";
const outputs = createOutputs();
const account = "123456789012";
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", account: "aws-01" };
const steps = 60_000;

/** The same life of a stack on every AWS that is here; each is asked only for what it does as AWS does. */
for (const system of awsSystems) {
  if (system.whyNot !== undefined) {
    process.stdout.write(`stacks are not made on ${system.name}: ${system.whyNot}\n`);
    continue;
  }
  describe(`a stack on ${system.name}`, () => life(system));
}

function life({ open, judges }: AwsSystem): void {
  let aws: OpenedAws;
  let cloudFormation: CloudFormation;
  beforeAll(async () => {
    aws = await open(account);
    cloudFormation = new CloudFormation({ region, endpoint: aws.endpoint, credentials: aws.keysOf(account) });
  }, steps);
  afterAll(async () => {
    cloudFormation.destroy();
    await aws.stop();
  });

  const resource = (
    name: string,
    parameters: Readonly<Record<string, ParameterValue>> = {},
    more: Partial<StackOptions> = {},
  ): Resource<StackState, AwsWorld> =>
    stack({
      id: `aws/aws-01/stack/${name}`,
      title: `aws-01: ${name}`,
      label: "role",
      row: { kind: "account", name: "aws-01", group: "aws" },
      needs: [],
      actor: {
        account: { provider: "aws", name: "aws-01", role: "tenant", accountId: account },
        as: "administrator",
      },
      region,
      name,
      template: "tests/fixtures/stacks/role.yml",
      parameters: () => ({ RoleName: `${name}-role`, ...parameters }),
      tags,
      capabilities: ["CAPABILITY_NAMED_IAM"],
      isProtected: false,
      timeoutMs: steps,
      ...more,
    });

  /** With something in it that can't be made. */
  const broken = (name: string) => resource(name, {}, { template: "tests/fixtures/stacks/role-broken.yml" });

  async function ensure(wanted: Resource<StackState, AwsWorld>, options: Partial<WorldOptions> = {}) {
    const { world, written } = stackWorld({ cloudFormation, root: projectRoot, ...options });
    const state = await wanted.ensure(world, await wanted.observe(world, outputs), outputs);
    return { state, written };
  }

  const observe = (wanted: Resource<StackState, AwsWorld>, options: Partial<WorldOptions> = {}) =>
    wanted.observe(stackWorld({ cloudFormation, root: projectRoot, ...options }).world, outputs);

  async function present(
    wanted: Resource<StackState, AwsWorld>,
    options: Partial<WorldOptions> = {},
  ): Promise<StackState> {
    const observed = await observe(wanted, options);
    if (observed.kind === "present") return observed.state;
    throw new Error(`it is ${JSON.stringify(observed)}`);
  }

  const remove = (wanted: Resource<StackState, AwsWorld>) =>
    wanted.remove(stackWorld({ cloudFormation, root: projectRoot }).world, { kind: "absent" }, outputs);

  /** For what only some of them do as AWS does. */
  const on = (what: Judged) => test.skipIf(!judges.has(what));

  test(
    "is made, stays as it is, and goes",
    async () => {
      const wanted = resource("lives");
      expect(await observe(wanted)).toEqual({ kind: "absent" });
      const { state } = await ensure(wanted);
      expect(state.status.name).toBe("CREATE_COMPLETE");
      expect(state.tags).toMatchObject(tags);
      expect(wanted.diff(await present(wanted), outputs)).toEqual([]);
      if (judges.has("outputs")) {
        expect(state.outputs.RoleArn).toBe(`arn:aws:iam::${account}:role/lives-role`);
        expect(wanted.health(state)).toEqual({ kind: "healthy", summary: "CREATE_COMPLETE" });
      }

      const again = await ensure(wanted);
      expect(again.written).toEqual(["CloudFormation finds nothing to change"]);
      expect(again.state.status.name).toBe("CREATE_COMPLETE");
      const { Summaries = [] } = await cloudFormation.listChangeSets({ StackName: "lives" });
      expect(Summaries.filter(({ ExecutionStatus = "" }) => !ExecutionStatus.startsWith("EXECUTE_"))).toEqual([]);

      expect(await remove(wanted)).toEqual({ kind: "removed" });
      expect(await observe(wanted)).toEqual({ kind: "absent" });
      expect(await remove(wanted)).toEqual({ kind: "removed" });
    },
    steps,
  );

  test(
    "of somebody else is left alone",
    async () => {
      const body = "Resources: { Zone: { Type: AWS::Route53::HostedZone, Properties: { Name: strange.test } } }";
      await cloudFormation.createStack({
        StackName: "strange",
        TemplateBody: body,
        Tags: [{ Key: "owner", Value: "others" }],
      });
      const wanted = resource("strange");
      expect(await observe(wanted)).toMatchObject({ kind: "foreign", why: expect.stringContaining("owner=others") });
      expect((await failureOf(ensure(wanted))).code).toBe("ForeignResource");
      expect((await failureOf(remove(wanted))).code).toBe("ForeignResource");
      expect((await cloudFormation.describeStacks({ StackName: "strange" })).Stacks?.[0]?.StackStatus).toBe(
        "CREATE_COMPLETE",
      );
    },
    steps,
  );

  on("updates")(
    "is changed in place",
    async () => {
      await ensure(resource("changes"));
      const wanted = resource("changes", { MaxSessionSeconds: "7200" });
      expect(wanted.diff(await present(wanted), outputs)).toEqual([
        { field: "parameters.MaxSessionSeconds", from: "3600", to: "7200", effect: "in-place" },
      ]);
      const { state, written } = await ensure(wanted);
      expect(state.status.name).toBe("UPDATE_COMPLETE");
      expect(written).toContain("Role UPDATE_COMPLETE");
      expect(wanted.diff(await present(wanted), outputs)).toEqual([]);
      await remove(wanted);
    },
    steps,
  );

  on("updates")(
    "keeps the values that are to stay",
    async () => {
      const keeping: ParameterValue = { keep: true, fallback: "the first time" };
      await ensure(resource("keeps", { Purpose: keeping }));
      await ensure(resource("keeps", { Purpose: "another" }));
      const { state } = await ensure(resource("keeps", { Purpose: keeping, MaxSessionSeconds: "7200" }));
      expect(state.parameters).toMatchObject({ Purpose: "another", MaxSessionSeconds: "7200" });
      await remove(resource("keeps"));
    },
    steps,
  );

  on("updates")(
    "is not made anew without leave",
    async () => {
      await ensure(resource("stays"));
      const wanted = resource("stays", { RoleName: "another-role" });
      const error = await failureOf(ensure(wanted));
      expect(error.code).toBe("ReplacementRequired");
      expect(error.message).toBe("aws-01: stack stays: would be replaced or removed: Role");
      expect((await present(wanted)).parameters.RoleName).toBe("stays-role");

      const { state } = await ensure(wanted, { allowReplacement: true });
      expect(state.outputs.RoleArn).toEndWith("/another-role");
      await remove(wanted);
    },
    steps,
  );

  on("rollback")(
    "is as before when a change fails, and says so",
    async () => {
      const wanted = resource("returns");
      await ensure(wanted);
      expect(broken("returns").diff(await present(broken("returns")), outputs)).toEqual([
        { field: "Resources.Nodes", from: "none", to: "AWS::EKS::Nodegroup", effect: "in-place" },
      ]);
      const error = await failureOf(ensure(broken("returns")));
      expect(error.code).toBe("StackFailed");
      expect(error.message).toStartWith("aws-01: stack returns: updating it failed: Nodes (AWS::EKS::Nodegroup): ");
      const state = await present(wanted);
      expect(state.status.name).toBe("UPDATE_ROLLBACK_COMPLETE");
      expect(wanted.diff(state, outputs)).toEqual([]);
      expect(wanted.health(state)).toMatchObject({ kind: "healthy", warning: expect.stringContaining("Nodes") });
      await remove(wanted);
    },
    steps,
  );

  on("rollback")(
    "that failed to come into being is made anew",
    async () => {
      const error = await failureOf(ensure(broken("rises")));
      expect(error.code).toBe("StackFailed");
      expect(error.message).toStartWith("aws-01: stack rises: creating it failed: Nodes (AWS::EKS::Nodegroup): ");
      const wanted = resource("rises");
      expect(await observe(wanted)).toMatchObject({ kind: "broken", why: expect.stringContaining("Nodes") });
      const { state } = await ensure(wanted);
      expect(state.status.name).toBe("CREATE_COMPLETE");
      await remove(wanted);
    },
    steps,
  );

  on("rollback")(
    "that was left in its parts for a look is made anew",
    async () => {
      await failureOf(ensure(broken("looked-at"), { retain: true }));
      expect((await cloudFormation.describeStacks({ StackName: "looked-at" })).Stacks?.[0]?.StackStatus).toBe(
        "CREATE_FAILED",
      );
      const { state } = await ensure(resource("looked-at"));
      expect(state.status.name).toBe("CREATE_COMPLETE");
      await remove(resource("looked-at"));
    },
    steps,
  );

  on("rollback")(
    "that somebody's update left halfway is led back first",
    async () => {
      const wanted = resource("halfway");
      await ensure(wanted);
      const { Id } = await cloudFormation.createChangeSet({
        StackName: "halfway",
        ChangeSetName: "by-hand",
        TemplateBody: await Bun.file(`${projectRoot}/tests/fixtures/stacks/role-broken.yml`).text(),
        Parameters: [{ ParameterKey: "RoleName", UsePreviousValue: true }],
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        Capabilities: ["CAPABILITY_NAMED_IAM"],
      });
      await waitUntilChangeSetCreateComplete(
        { client: cloudFormation, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
        { ChangeSetName: Id },
      );
      await cloudFormation.executeChangeSet({ ChangeSetName: Id, DisableRollback: true });
      let observed = await observe(wanted);
      while (observed.kind === "busy") observed = await observe(wanted);
      const state = await present(wanted);
      expect(wanted.diff(state, outputs)[0]).toMatchObject({ field: "state", from: "UPDATE_FAILED" });
      const led = await ensure(wanted);
      expect(led.state.status.isStable).toBe(true);
      expect(wanted.diff(led.state, outputs)).toEqual([]);
      await remove(wanted);
    },
    steps,
  );

  on("refusals")(
    "that can't be made leaves nothing",
    async () => {
      const wanted = resource(
        "never",
        {},
        { template: "tests/fixtures/stacks/unknown-type.yml", parameters: () => ({}) },
      );
      const error = await failureOf(ensure(wanted));
      expect(["AwsFailed", "StackFailed"]).toContain(error.code);
      expect(await cloudFormation.describeStacks({ StackName: "never" }).catch((thrown) => thrown.message)).toBe(
        "Stack with id never does not exist",
      );
    },
    steps,
  );

  on("protection")(
    "is protected from others' deletes, not from ours",
    async () => {
      const wanted = resource("guarded", {}, { isProtected: true });
      const { state } = await ensure(wanted);
      expect(state.isProtected).toBe(true);
      expect(wanted.diff(await present(wanted), outputs)).toEqual([]);
      const refusal = await cloudFormation.deleteStack({ StackName: "guarded" }).catch((thrown) => thrown);
      expect(refusal.name).toBe("ValidationError");
      await remove(wanted);
      expect(await observe(wanted)).toEqual({ kind: "absent" });
    },
    steps,
  );

  on("drift")(
    "tells what was changed behind its back",
    async () => {
      const wanted = resource("drifts");
      await ensure(wanted);
      expect(wanted.health(await present(wanted, { drift: true })).kind).toBe("healthy");
      const iam = new IAM({ region, endpoint: aws.endpoint, credentials: aws.keysOf(account) });
      await iam.updateRole({ RoleName: "drifts-role", MaxSessionDuration: 7200, Description: "A role for tests" });
      expect(wanted.health(await present(wanted, { drift: true }))).toEqual({
        kind: "degraded",
        summary: "changed behind CloudFormation's back: Role/MaxSessionDuration: 3600 → 7200",
      });
      await remove(wanted);
    },
    steps,
  );
}
