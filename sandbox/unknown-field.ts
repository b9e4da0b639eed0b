import type { z } from "zod";

/** The path of the field that a schema refuses. One that is not known says more than one that is missing because of it. */
export function refusedField({ issues }: z.ZodError): string {
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  const keys = issue?.code === "unrecognized_keys" ? issue.keys : [];
  return [...(issue?.path ?? []), ...keys].join(".");
}
