import type { AwsActor } from "#lib/aws/clients.ts";
import { hasStack } from "#lib/aws/cloudformation/has-stack.ts";
import { decodeName, isNoSuchZone, listRecords, openRoute53 } from "#lib/aws/route53/route53.ts";
import { hasOwnZone } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import { command } from "#lib/hint.ts";

/** The clusters of one account, all of which exist only as long as the account's role can be assumed. */
export interface Dependents {
  /** The identity that searches. */
  readonly actor: AwsActor;
  readonly clusters: readonly DependentCluster[];
}

export interface DependentCluster {
  /** Also the name of its zone. */
  readonly name: string;
  readonly stack: { readonly name: string; readonly region: string };
  /** Of its zone. */
  readonly tags: Tags;
}

/** Stops the deletion of a role while clusters exist that only this role can delete. @throws FleetError StillNeeded */
export async function refuseWhileClusters(world: AwsWorld, role: string, all: readonly Dependents[]): Promise<void> {
  const found = await Promise.all(all.map((dependents) => findClusters(world, dependents)));
  const left = found.flat();
  if (left.length === 0) return;
  const names = left.map(({ name }) => name);
  throw new FleetError("StillNeeded", `${role} is needed to delete ${names.join(", ")}`, {
    hint: ["delete them first: ", command("delete-eks-all", ...names)],
    details: left.map(({ name, parts }) => `${name}: ${parts.join(" and ")}`),
  });
}

async function findClusters(world: AwsWorld, { actor, clusters }: Dependents) {
  const { name: account } = actor.account;
  try {
    const route53 = await openRoute53(world, actor);
    const found = await Promise.all(
      clusters.map(async ({ name, stack, tags }) => {
        const [stacks, zones] = await Promise.all([hasStack(world, actor, stack), hasOwnZone(route53, { name, tags })]);
        return { name, parts: [...(stacks ? ["stack"] : []), ...(zones ? ["zone"] : [])] };
      }),
    );
    return found.filter(({ parts }) => parts.length > 0);
  } catch (error) {
    if (!isClosed(error)) throw error;
    throw new FleetError("StillNeeded", `${account} may still have clusters: ${error.message}`, {
      hint: `run it again with a profile named ${account} in ~/.aws/config, or take the account's clusters out of the fleet if they are gone`,
      details: error.details,
      cause: error,
    });
  }
}

/** Reasons why an account can't be read. */
const closed: ReadonlySet<string> = new Set(["AssumeRoleDenied", "AwsDenied", "CredentialsMissing"]);

/** Whether the error means that the account can't be read. */
export function isClosed(error: unknown): error is FleetError {
  return error instanceof FleetError && closed.has(error.code);
}

/** A zone to be deleted, and its records that are deleted with it. */
export interface LeavingZone {
  readonly id: string;
  readonly name: string;
  /** Names of records that are part of the same stack. */
  readonly own: readonly string[];
}

/** Route 53 refuses to delete a zone with records, after the rest of the stack is gone. @throws FleetError StillNeeded */
export async function refuseWhileRecords(
  world: AwsWorld,
  actor: AwsActor,
  zones: readonly LeavingZone[],
): Promise<void> {
  const call = await openRoute53(world, actor);
  for (const { id, name, own } of zones) {
    const records = await listRecords(call, id).catch((error: unknown) => {
      if (isNoSuchZone(error)) return [];
      throw error;
    });
    const names = records.map((record) => ({ name: decodeName(record.Name), type: record.Type ?? "" }));
    const others = names.filter((one) => one.name !== name && !own.includes(one.name));
    if (others.length === 0) continue;
    const list = others.map((one) => `${one.name} ${one.type}`);
    throw new FleetError("StillNeeded", `the zone ${name} still has records: ${list.slice(0, 5).join(", ")}`, {
      hint: ["delete the clusters that they point to first (", command("delete-eks-all"), "), or the records"],
      details: list,
    });
  }
}
