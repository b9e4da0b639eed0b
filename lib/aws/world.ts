import type { AwsClients } from "#lib/aws/clients.ts";
import { bindWorld } from "#lib/cloud/bind-world.ts";
import type { World } from "#lib/graph/world.ts";

/** The world of resources in AWS: with clients of its accounts. */
export interface AwsWorld extends World {
  readonly aws: AwsClients;
}

/** Gives resources in AWS the clients that they call. */
export const withClients = (aws: AwsClients) => bindWorld({ aws });
