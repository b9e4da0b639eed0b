import type { GcpClients } from "#lib/gcp/clients.ts";
import type { World } from "#lib/graph/world.ts";

/** The world of resources in GCP: with clients of its projects. */
export interface GcpWorld extends World {
  readonly gcp: GcpClients;
}
