/** What is asked of a fleet by most tests, with the providers that the project brings. */

import { systemClock } from "#lib/clock.ts";
import { readEnvironment } from "#lib/environment.ts";
import { checkFleet as check } from "#lib/fleet/check.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { type FleetReading, readFleet as read } from "#lib/fleet/schema.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { type FleetGraph, fleetGraph, type GraphSettings } from "#lib/fleet-graph.ts";
import type { Provider } from "#lib/provider.ts";
import { builtInProviders, type Opened, openProviders } from "#lib/providers.ts";
import type { Described } from "#lib/render/generator.ts";

export function checkFleet(fleet: Fleet): readonly Fault[] {
  return check(fleet, builtInProviders);
}

export async function readFleet(data: unknown): Promise<FleetReading> {
  return await read(data, builtInProviders);
}

export function described(fleet: Fleet): Described<Provider> {
  return { fleet, providers: builtInProviders };
}

/** An endpoint at which nothing real is called, so that placeholders are taken as they are. */
export const emulated = { AWS_ENDPOINT_URL: "http://127.0.0.1:1" };

export async function openFleet(fleet: Fleet, variables: Readonly<Record<string, string>> = emulated): Promise<Opened> {
  const environment = readEnvironment(variables);
  return await openProviders(builtInProviders, { fleet, environment, clock: systemClock });
}

export async function graphOf(
  fleet: Fleet,
  settings: GraphSettings = {},
  variables: Readonly<Record<string, string>> = emulated,
): Promise<FleetGraph> {
  return fleetGraph(fleet, await openFleet(fleet, variables), settings);
}
