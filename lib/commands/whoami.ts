import { systemClock } from "#lib/clock.ts";
import type { Hop } from "#lib/cloud/hops.ts";
import { contextOf, openSession, type SessionOptions } from "#lib/commands/session.ts";
import { openProviders } from "#lib/providers.ts";

/** Shows the identity assumed in each account, and audits the roles' trust policies. Changes nothing. */
export async function whoami(options: SessionOptions): Promise<readonly Hop[]> {
  const session = await openSession(options);
  const { open } = await openProviders(session.providers, contextOf(session, systemClock, options.fleetFile));
  const hops = await Promise.all([...open.values()].map(async (provider) => (await provider.whoami?.()) ?? []));
  return hops.flat();
}
