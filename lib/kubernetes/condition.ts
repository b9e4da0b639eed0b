import { z } from "zod";

/** One condition in an object's status, as in Kubernetes' built-in kinds. */
export const conditionSchema = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().default(""),
});
