import type { CloudFormation, Stack } from "@aws-sdk/client-cloudformation";
import { nameStack, type StackOptions } from "#lib/aws/cloudformation/model.ts";
import { type Asked, ask, isAwsError } from "#lib/aws/explain.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import type { Outputs } from "#lib/graph/resource.ts";

/** CloudFormation as one stack uses it: always its account and region. */
export interface StackClient {
  readonly world: AwsWorld;
  readonly options: StackOptions;
  /** Account and name, as messages begin. */
  readonly subject: string;
  /** A question; an interrupt cuts it short. */
  read<Answer>(what: string, call: Call<Answer>): Promise<Answer>;
  /** A call that changes something: once sent, its response is awaited, so that the started operation is known. */
  write<Answer>(what: string, call: Call<Answer>): Promise<Answer>;
}

type Call<Answer> = (
  cloudFormation: CloudFormation,
  options: { readonly abortSignal?: AbortSignal },
) => Promise<Answer>;

export function stackClient(world: AwsWorld, options: StackOptions): StackClient {
  const { actor, region } = options;
  const { signal } = world;
  const asked = (what: string): Asked => ({ account: nameStack(options), what, world });
  // The client is requested for each call: after a long wait its session may need renewal.
  const open = (): Promise<CloudFormation> => world.aws.cloudFormation(actor, region);
  return {
    world,
    options,
    subject: nameStack(options),
    read: (what, call) => ask(asked(what), async () => call(await open(), { abortSignal: signal })),
    async write(what, call) {
      try {
        return await ask(asked(what), async () => call(await open(), {}));
      } catch (error) {
        throw await nameAdministrators(world, options, error);
      }
    },
  };
}

/** A read-only role that stands in for administrators is denied by design, and needs no more permissions. */
async function nameAdministrators(world: AwsWorld, { actor }: StackOptions, error: unknown): Promise<unknown> {
  if (!(error instanceof FleetError) || error.code !== "AwsDenied" || actor.as !== "administrator") return error;
  const { account } = actor;
  if ((await world.aws.findAdministrator(account)) !== undefined) return error;
  return new FleetError("AwsDenied", error.message, {
    hint: `only an administrator of ${account.name} changes this stack: run the same command once with credentials of ${account.name}`,
    details: error.details,
    cause: error,
  });
}

/** @param nameOrId a deleted stack is found by its id only. @returns undefined when there is none */
export async function findStack({ read }: StackClient, nameOrId: string): Promise<Stack | undefined> {
  try {
    const { Stacks = [] } = await read("looking at it", (cloudFormation, options) =>
      cloudFormation.describeStacks({ StackName: nameOrId }, options),
    );
    return Stacks[0];
  } catch (error) {
    // There is no class for it; AWS has used this text for a decade.
    if (isAwsError(error, "ValidationError", /^Stack with id .* does not exist$/)) return undefined;
    throw error;
  }
}

/** CloudFormation's service role. Always passed, although the stack stores the last one: policies may require it. */
export type ServiceRole = { readonly RoleARN?: string };

/** @param last the stack's current role, if its source is already deleted, as during a delete */
export function serviceRole({ options }: StackClient, outputs: Outputs, last?: string): ServiceRole {
  return formatRole(findRole(options, outputs) ?? last);
}

function findRole(options: StackOptions, outputs: Outputs): string | undefined {
  try {
    return options.serviceRole?.(outputs);
  } catch (error) {
    if (error instanceof FleetError && error.code === "OutputMissing") return undefined;
    throw error;
  }
}

function formatRole(role: string | undefined): ServiceRole {
  return role === undefined || role === "" ? {} : { RoleARN: role };
}

/** Marks an operation and all of its events; its prefix shows who started it. */
export function newToken(): string {
  return `${tokenPrefix}${crypto.randomUUID()}`;
}

/** Of tokens, and of change sets. */
export const tokenPrefix = "k8s-multicluster-gitops-";

/** Who started an operation, according to its token. */
export function describeStarter(token: string | undefined): string {
  if (token?.startsWith(tokenPrefix) === true) return "begun by another command of this project";
  if (token?.startsWith("Console-") === true) return "begun in AWS's console";
  return "begun by something else";
}
