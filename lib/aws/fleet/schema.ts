import { z } from "zod";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { accountFields, cloudClusterFields, textAs } from "#lib/fleet/schema-parts.ts";

export const account = z.strictObject({
  ...accountFields,
  provider: z.literal("aws"),
  accountId: z.string(),
  iamRole: z.string().exactOptional(),
}) satisfies z.ZodType<AwsAccount>;

export const cluster = z.strictObject({
  ...cloudClusterFields,
  provider: z.literal("aws"),
  name: textAs<EksCluster["name"]>(),
  publicAccessCidrs: z.array(z.string()).readonly(),
  nodes: z.union([z.literal("auto"), z.strictObject({ instanceType: z.string(), count: z.number() })]).exactOptional(),
}) satisfies z.ZodType<EksCluster>;
