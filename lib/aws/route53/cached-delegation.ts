import type { Route53Calls } from "#lib/aws/route53/route53.ts";
import { formatTags } from "#lib/aws/tags.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { cachedUntilTag, formatCachedUntil } from "#lib/cloud/cached-delegation.ts";

/** Records that resolvers may have cached the delegation of a zone for `ttlSeconds` from now. */
export async function tellCached(
  world: Pick<AwsWorld, "clock">,
  call: Route53Calls,
  zoneId: string,
  ttlSeconds: number,
): Promise<void> {
  const tags = { [cachedUntilTag]: formatCachedUntil(world, ttlSeconds) };
  await call(`marking ${zoneId} as no longer delegated`, (route53, options) =>
    route53.changeTagsForResource(
      { ResourceType: "hostedzone", ResourceId: zoneId, AddTags: formatTags(tags) },
      options,
    ),
  );
}
