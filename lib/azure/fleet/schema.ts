import { z } from "zod";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { accountFields, cloudClusterFields, textAs } from "#lib/fleet/schema-parts.ts";

export const account = z.strictObject({
  ...accountFields,
  provider: z.literal("azure"),
  subscriptionId: z.string(),
  tenantId: z.string(),
  operators: z.string().exactOptional(),
  region: z.string().exactOptional(),
}) satisfies z.ZodType<AzureAccount>;

export const cluster = z.strictObject({
  ...cloudClusterFields,
  provider: z.literal("azure"),
  name: textAs<AksCluster["name"]>(),
  publicAccessCidrs: z.array(z.string()).readonly(),
  mode: z.enum(["standard", "automatic"]).exactOptional(),
  upgradeChannel: z.enum(["none", "patch", "stable", "rapid"]).exactOptional(),
  systemNodes: z.strictObject({ vmSize: z.string(), count: z.number() }).exactOptional(),
}) satisfies z.ZodType<AksCluster>;
