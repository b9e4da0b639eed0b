import { z } from "zod";
import { localClusterFields } from "#lib/fleet/schema-parts.ts";
import type { K3dCluster, KindCluster } from "#lib/local/fleet/types.ts";

export const kindCluster = z.strictObject({
  ...localClusterFields,
  provider: z.literal("kind"),
}) satisfies z.ZodType<KindCluster>;

export const k3dCluster = z.strictObject({
  ...localClusterFields,
  provider: z.literal("k3d"),
}) satisfies z.ZodType<K3dCluster>;
