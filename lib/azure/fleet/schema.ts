import { z } from "zod";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { accountFields, cloudClusterFields, textAs } from "#lib/fleet/schema-parts.ts";

export const account = z.strictObject({
  ...accountFields,
  provider: z.literal("azure"),
  subscriptionId: z.string(),
  tenantId: z.string(),
}) satisfies z.ZodType<AzureAccount>;

export const cluster = z.strictObject({
  ...cloudClusterFields,
  provider: z.literal("azure"),
  name: textAs<AksCluster["name"]>(),
}) satisfies z.ZodType<AksCluster>;
