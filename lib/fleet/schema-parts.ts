import { z } from "zod";

/** Any text, typed as what the checks ensure: they explain a wrong name better than a pattern. */
export function textAs<Text extends string>(): z.ZodType<Text> {
  return z.string() as unknown as z.ZodType<Text>;
}

/** Fields of every account. */
export const accountFields = { name: z.string(), role: z.enum(["management", "tenant"]) };

/** Fields of every cluster except its name, whose format depends on the provider. */
const clusterFields = {
  kubernetes: textAs<`${number}.${number}`>().exactOptional(),
  environment: z.string().exactOptional(),
  mesh: z.string().exactOptional(),
  podCidr: z.string().exactOptional(),
  serviceCidr: z.string().exactOptional(),
  argocd: z.enum(["standard", "high-availability", "none"]).exactOptional(),
};

export const cloudClusterFields = { ...clusterFields, account: z.string(), region: z.string() };

export const localClusterFields = {
  ...clusterFields,
  name: textAs<`${string}.internal`>(),
  apiPort: z.number(),
  workers: z.number().exactOptional(),
  image: z.string().exactOptional(),
};
