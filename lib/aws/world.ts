import type { AwsClients } from "#lib/aws/clients.ts";
import type { World } from "#lib/graph/world.ts";

/** The world of resources in AWS: with clients of its accounts. */
export interface AwsWorld extends World {
  readonly aws: AwsClients;
}
