import { iamManagedPolicy } from "#sandbox/aws/cloudformation/types/iam/managed-policy.ts";
import { iamRole } from "#sandbox/aws/cloudformation/types/iam/role.ts";
import type { ResourceType } from "#sandbox/aws/cloudformation/types/type.ts";

const all: readonly ResourceType[] = [iamManagedPolicy, iamRole];

const byName: ReadonlyMap<string, ResourceType> = new Map(all.map((type) => [type.name, type]));

export const resourceTypes: readonly ResourceType[] = all;

export function tryResourceType(name: string): ResourceType | undefined {
  return byName.get(name);
}

/** A type that has been found to be known. */
export function resourceType(name: string): ResourceType {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`no resource type ${name}`);
  return found;
}

/** Names for `Fn::GetAtt`. */
export function attributesOf(type: ResourceType): readonly string[] {
  return [...type.schema.readOnly, ...type.attributes];
}
