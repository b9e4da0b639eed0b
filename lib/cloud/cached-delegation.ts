import type { Tags } from "#lib/cloud/ownership.ts";
import type { World } from "#lib/graph/world.ts";

/**
 * Tag of a zone that is no longer delegated: the time until which resolvers may have cached the delegation. If the zone is deleted before,
 * the owner of another zone on one of its name servers could answer for the name. The tag is on the zone itself so that it survives a
 * killed run.
 */
export const cachedUntilTag = "delegation-cached-until";

/** Delegations of this project have a TTL of minutes; a TTL of a day set by others is not awaited. */
const longestWaitMs = 15 * 60_000;
/** How often the wait reports the remaining time. */
const voiceMs = 5_000;

/** The tag's value if resolvers may have cached the delegation for `ttlSeconds` from now. */
export function formatCachedUntil({ clock }: Pick<World, "clock">, ttlSeconds: number): string {
  return new Date(clock.now() + ttlSeconds * 1_000).toISOString();
}

/** Waits until no resolver remembers the delegation of a zone, a quarter of an hour at most. */
export async function waitForCaches(
  { clock, signal, progress }: Pick<World, "clock" | "signal" | "progress">,
  tags: Tags,
): Promise<void> {
  const told = Date.parse(tags[cachedUntilTag] ?? "");
  if (Number.isNaN(told)) return;
  const until = Math.min(told, clock.now() + longestWaitMs);
  for (let leftMs = until - clock.now(); leftMs > 0; leftMs = until - clock.now()) {
    progress(`waiting until no resolver remembers its delegation · ${Math.ceil(leftMs / 1_000)} s to go`);
    await clock.sleep(Math.min(leftMs, voiceMs), signal);
  }
}
