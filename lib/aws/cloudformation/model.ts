import type { AwsActor } from "#lib/aws/clients.ts";
import type { StackStatus } from "#lib/aws/cloudformation/status.ts";
import type { Template } from "#lib/aws/cloudformation/template.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import type { AnyResource, Change, Lane, Outputs, ResourceId, RowRef } from "#lib/graph/resource.ts";

export interface StackOptions {
  readonly id: ResourceId;
  readonly title: string;
  readonly label: string;
  readonly row: RowRef;
  /** @default `stack` */
  readonly lane?: Lane;
  /** Why a delete leaves it alone. @default it is deleted */
  readonly keptOnDelete?: string;
  readonly needs: readonly AnyResource[];
  readonly actor: AwsActor;
  readonly region: string;
  /** Letters, digits and hyphens, no dots; unique in the account and region. */
  readonly name: string;
  /** Path below the checkout, e.g. `cloudformation/eks-cluster.yml`. */
  readonly template: string;
  /** Values of parameters; those left out have the template's default. Throws OutputMissing while a need is absent. */
  readonly parameters: (outputs: Outputs) => ParameterValues;
  /** Values of intermediate updates, if AWS accepts a change only in steps. @default one update */
  readonly stages?: (wanted: ParameterValues, present: Readonly<Record<string, string>>) => readonly ParameterValues[];
  /** Our tags. `project` and `fleet` mark the stack as owned by this fleet. */
  readonly tags: Readonly<Record<string, string>>;
  /** @default none: the template creates no IAM roles */
  readonly capabilities?: readonly ("CAPABILITY_IAM" | "CAPABILITY_NAMED_IAM")[];
  /** Names of its roles that others assume to enter the account. @default none */
  readonly entryRoles?: readonly string[];
  /** ARN of CloudFormation's service role. @default the last one, or the caller's permissions */
  readonly serviceRole?: (outputs: Outputs) => string;
  /** Termination protection: AWS refuses to delete the stack until it is switched off, as `remove` does. */
  readonly isProtected: boolean;
  /** Deadline of one operation of CloudFormation, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a parameter can be changed in place. @default it can */
  readonly effectOf?: (parameter: string, from: string, to: string) => Change["effect"];
  /** Called before an update. Throws for changes of parameters that AWS would refuse half-way, or that would orphan clusters. @default none */
  readonly refuse?: (world: AwsWorld, changes: readonly Change[]) => Promise<void>;
  /** Removes what blocks the deletion of the stack's resources. May be called more than once. */
  readonly beforeDelete?: (world: AwsWorld, state: StackState, outputs: Outputs) => Promise<void>;
}

/** A value, or keep the stack's; a new stack gets `fallback`. */
export type ParameterValue = string | KeptValue;

export interface KeptValue {
  readonly keep: true;
  readonly fallback: string;
  /** Name of another parameter: if it changes, the stack gets `fallback`. @default the value is always kept */
  readonly with?: string;
}

export type ParameterValues = Readonly<Record<string, ParameterValue>>;

export function keep(fallback: string): ParameterValue {
  return { keep: true, fallback };
}

/** Keep the stack's value until another parameter changes. */
export function keepWith(parameter: string, fallback: string): ParameterValue {
  return { keep: true, fallback, with: parameter };
}

export interface StackState {
  /** ARN. Unlike the name, it identifies this stack even after its deletion. */
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly status: StackStatus;
  readonly outputs: Readonly<Record<string, string>>;
  /** As CloudFormation returns them: `****` for those with NoEcho. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Text of the deployed template. */
  readonly template: string;
  /** The one in this checkout, read with the rest so that comparing them is pure. */
  readonly wanted: Template;
  readonly roleArn: string | undefined;
  readonly isProtected: boolean;
  /** Deleted principals in the trust policies of `entryRoles`. */
  readonly deletedPrincipals: readonly DeletedPrincipal[];
  /** Why the last operation failed, although it was rolled back. */
  readonly lastFailure?: string;
  /** Only if requested. */
  readonly drift?: StackDrift;
}

/** Account and name, as messages begin: `aws-01: stack k01-k8s-aws-mylabs-dev-eks`. */
export function nameStack({ actor, name }: Pick<StackOptions, "actor" | "name">): string {
  return `${actor.account.name}: stack ${name}`;
}

/** A change made outside of CloudFormation. */
export interface StackDrift {
  readonly resources: readonly DriftedResource[];
  /** Resources of types that CloudFormation can't compare. */
  readonly unchecked: number;
}

export interface DriftedResource {
  /** Name in the template. */
  readonly name: string;
  readonly type: string;
  readonly isDeleted: boolean;
  readonly differences: readonly { readonly path: string; readonly expected: string; readonly actual: string }[];
}

/**
 * A trust policy that names a deleted principal. IAM stores the unique id of a principal, so that one created again by the
 * same name is not trusted until the policy is saved again. CloudFormation finds no difference: template and parameters are the same.
 */
export interface DeletedPrincipal {
  /** Name of the role with the policy. */
  readonly role: string;
  /** Unique id, e.g. `AROA…`. */
  readonly id: string;
  /** ARN that the template names in this place. */
  readonly principal: string;
  /** The policy with the ARN instead of the id. */
  readonly repaired: string;
}
