import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudFormation, type CreateChangeSetInput, type Stack } from "@aws-sdk/client-cloudformation";
import { createCloudFormation, type CloudFormation as FormationService } from "#sandbox/aws/cloudformation/service.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { type KeptCloud, openCloud } from "#sandbox/aws/state.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { openHttpServer } from "#sandbox/cloud/http-server.ts";
import { paceOf } from "#sandbox/pace.ts";

export const account = "111111111111";
export const region = "us-east-1";

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Lab {
  readonly cloud: KeptCloud;
  readonly service: FormationService;
  /** As the account's administrator. */
  readonly cfn: CloudFormation;
  readonly endpoint: string;
  /** File that the cloud is kept in, and its folder. */
  readonly path: string;
  readonly folder: string;
  client(keys: Keys): CloudFormation;
  /** Creates a stack by a change set, and waits for its end. */
  deploy(name: string, template: object | string, more?: Partial<CreateChangeSetInput>): Promise<Stack>;
  /** Waits until nothing is in progress. */
  stack(name: string): Promise<Stack>;
  /** Why resources failed, oldest first. */
  failures(name: string): Promise<readonly string[]>;
  /** What happened, oldest first: `Role CREATE_COMPLETE`, with the reason behind a colon. */
  events(name: string): Promise<readonly string[]>;
}

const open: (() => Promise<void>)[] = [];

/** Ends all labs of a test. */
export async function closeLabs(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

/** What else has to end with a test's labs, before them. */
export function onClose(close: () => Promise<void>): void {
  open.push(close);
}

export async function openLab(options: { readonly speed?: number; readonly path?: string } = {}): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), "cloudformation-"));
  const { speed = 20_000, path = join(folder, "aws.json") } = options;
  const cloud = openCloud({ path, pace: paceOf(() => speed) });
  const service = createCloudFormation(cloud);
  const server = await openHttpServer({ api: () => awsApi(cloud, [service, stsService(cloud), route53(cloud)]) });
  open.push(async () => {
    await server.stop();
    cloud.flush();
    rmSync(folder, { recursive: true, force: true });
  });
  const client = (credentials: Keys) =>
    new CloudFormation({ region, endpoint: server.endpoint, credentials, maxAttempts: 1 });
  const cfn = client(administratorKeys(account));

  async function stack(name: string): Promise<Stack> {
    await service.settled();
    const { Stacks = [] } = await cfn.describeStacks({ StackName: name });
    const [found] = Stacks;
    if (found === undefined) throw new Error(`no stack ${name}`);
    return found;
  }

  return {
    cloud,
    service,
    cfn,
    endpoint: server.endpoint,
    path,
    folder,
    client,
    stack,
    deploy: async (name, template, more = {}) => {
      const exists = await cfn.describeStacks({ StackName: name }).then(
        ({ Stacks }) => Stacks?.[0]?.StackStatus !== "REVIEW_IN_PROGRESS",
        () => false,
      );
      const { Id, StackId = "" } = await cfn.createChangeSet({
        StackName: name,
        ChangeSetName: `cs-${crypto.randomUUID()}`,
        ChangeSetType: exists ? "UPDATE" : "CREATE",
        TemplateBody: typeof template === "string" ? template : JSON.stringify(template),
        Capabilities: ["CAPABILITY_NAMED_IAM"],
        ...more,
      });
      await service.settled();
      const { Status, StatusReason } = await cfn.describeChangeSet({ ChangeSetName: Id });
      if (Status !== "CREATE_COMPLETE") throw new Error(`change set ${Status}: ${StatusReason}`);
      await cfn.executeChangeSet({ ChangeSetName: Id });
      return stack(StackId);
    },
    failures: async (name) => {
      const { StackEvents = [] } = await cfn.describeStackEvents({ StackName: name });
      return StackEvents.filter(({ ResourceStatus }) => ResourceStatus?.endsWith("_FAILED") === true)
        .toReversed()
        .map(({ LogicalResourceId, ResourceStatusReason }) => `${LogicalResourceId}: ${ResourceStatusReason}`);
    },
    events: async (name) => {
      const { StackEvents = [] } = await cfn.describeStackEvents({ StackName: name });
      return StackEvents.toReversed().map(({ LogicalResourceId, ResourceStatus, ResourceStatusReason }) =>
        [`${LogicalResourceId} ${ResourceStatus}`, ResourceStatusReason].filter(Boolean).join(": "),
      );
    },
  };
}

export function parametersOf(values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([ParameterKey, ParameterValue]) => ({ ParameterKey, ParameterValue }));
}

/** The words and code of a refusal. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return `${error.name}: ${error.message}`;
  }
  return "not refused";
}

/** A trust policy for one service of AWS. */
export const trust = (service = "ec2.amazonaws.com") => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" }],
});

export const roleTemplate = (properties: object = {}, more: object = {}) => ({
  Resources: {
    Role: { Type: "AWS::IAM::Role", Properties: { AssumeRolePolicyDocument: trust(), ...properties }, ...more },
  },
  Outputs: { Arn: { Value: { "Fn::GetAtt": ["Role", "Arn"] } } },
});
