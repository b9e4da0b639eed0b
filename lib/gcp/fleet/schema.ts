import { z } from "zod";
import { accountFields, cloudClusterFields, textAs } from "#lib/fleet/schema-parts.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";

export const account = z.strictObject({
  ...accountFields,
  provider: z.literal("gcp"),
  projectId: z.string(),
  projectNumber: z.string(),
  operators: z.string().exactOptional(),
}) satisfies z.ZodType<GcpAccount>;

export const cluster = z.strictObject({
  ...cloudClusterFields,
  provider: z.literal("gcp"),
  name: textAs<GkeCluster["name"]>(),
  publicAccessCidrs: z.array(z.string()).readonly().exactOptional(),
  mode: z.enum(["autopilot", "standard"]).exactOptional(),
  releaseChannel: z.enum(["rapid", "regular", "stable", "extended"]).exactOptional(),
  nodePool: z.strictObject({ machineType: z.string(), countPerZone: z.number() }).exactOptional(),
}) satisfies z.ZodType<GkeCluster>;
