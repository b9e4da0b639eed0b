import type { GcpFault } from "#sandbox/gcp/api/behaviour.ts";
import { fault } from "#sandbox/gcp/api/faults.ts";

/** Regions have `locations` in names and links, zones have `zones`. */
export function placeOf(location: string): string {
  return `${isZone(location) ? "zones" : "locations"}/${location}`;
}

export function isZone(location: string): boolean {
  return /-[a-z]$/.test(location);
}

export function notFound(name: string): GcpFault {
  return fault("NOT_FOUND", `Not found: ${name}.`);
}

export function alreadyExists(name: string): GcpFault {
  return fault("ALREADY_EXISTS", `Already exists: ${name}.`);
}
