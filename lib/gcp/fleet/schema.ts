import { z } from "zod";
import { accountFields, cloudClusterFields, textAs } from "#lib/fleet/schema-parts.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";

export const account = z.strictObject({
  ...accountFields,
  provider: z.literal("gcp"),
  projectId: z.string(),
}) satisfies z.ZodType<GcpAccount>;

export const cluster = z.strictObject({
  ...cloudClusterFields,
  provider: z.literal("gcp"),
  name: textAs<GkeCluster["name"]>(),
}) satisfies z.ZodType<GkeCluster>;
