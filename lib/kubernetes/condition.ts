import { z } from "zod";

/** One condition in the status of an object, as Kubernetes' own kinds have it. */
export const conditionSchema = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().default(""),
});
