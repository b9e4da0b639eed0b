import { AwsFault } from "#sandbox/aws/cloud.ts";
import { pause } from "#sandbox/aws/cloudformation/engine/pause.ts";
import { mergeTags, type ResourceContext, tagRecord } from "#sandbox/aws/cloudformation/types/type.ts";
import { isObject, type Json, type JsonObject } from "#sandbox/json.ts";

/** How often CloudFormation asks EKS how far it is, in milliseconds. */
const POLLING_MS = 10_000;

/** Properties as EKS' own API calls them: `NodeRoleArn` is `nodeRoleArn`. */
export function inApiNames(value: Json | undefined): Json {
  return renamed(value, (name) => name.charAt(0).toLowerCase() + name.slice(1));
}

/** The other way round: what EKS' API describes, as a template would write it. */
export function inTemplateNames(value: object): JsonObject {
  return renamed(value as JsonObject, (name) => name.charAt(0).toUpperCase() + name.slice(1)) as JsonObject;
}

function renamed(value: Json | undefined, rename: (name: string) => string): Json {
  if (Array.isArray(value)) return value.map((item: Json) => renamed(item, rename));
  if (!isObject(value)) return value ?? null;
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(given.map(([name, item]) => [rename(name), renamed(item, rename)]));
}

/** Members of an input, without those that the template leaves out. */
export function given(properties: JsonObject, ...names: readonly string[]): JsonObject {
  return inApiNames(Object.fromEntries(names.map((name) => [name, properties[name]]))) as JsonObject;
}

/** Tags of a template and its stack. CloudFormation's own are put on by other means than the API. */
export function ownTags(context: ResourceContext, tags: Json | undefined): Record<string, string> {
  return tagRecord(mergeTags(context, tags).filter(({ Key }) => !Key.startsWith("aws:")));
}

/**
 * Waits until a thing of EKS has come to rest.
 *
 * @param status undefined when it is gone
 * @throws AwsFault NotStabilized
 */
export async function settle(
  { cloud }: ResourceContext,
  what: string,
  operation: "create" | "update" | "delete",
  status: () => string | undefined,
): Promise<void> {
  for (;;) {
    const now = status();
    if (now === undefined && operation === "delete") return;
    if (operation !== "delete" && now === "ACTIVE") return;
    if (now === undefined || now === "FAILED" || now.endsWith("_FAILED")) {
      throw new AwsFault("NotStabilized", `${what} is ${now ?? "gone"}`);
    }
    await pause(cloud, POLLING_MS);
  }
}

/** Leave to hand a role on. @param service to which */
export function allowPassing(context: ResourceContext, roleArn: string, service: string): void {
  context.allow("iam:PassRole", roleArn, { "iam:PassedToService": service });
}
