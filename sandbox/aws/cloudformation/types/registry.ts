import { gatewayAttachment, internetGateway } from "#sandbox/aws/cloudformation/types/ec2/gateways.ts";
import { launchTemplate } from "#sandbox/aws/cloudformation/types/ec2/launch-template.ts";
import { address, natGateway } from "#sandbox/aws/cloudformation/types/ec2/nat.ts";
import { route, routeTable, routeTableAssociation } from "#sandbox/aws/cloudformation/types/ec2/routes.ts";
import { subnet } from "#sandbox/aws/cloudformation/types/ec2/subnet.ts";
import { vpc } from "#sandbox/aws/cloudformation/types/ec2/vpc.ts";
import { eksAccessEntry } from "#sandbox/aws/cloudformation/types/eks/access-entry.ts";
import { eksAddon } from "#sandbox/aws/cloudformation/types/eks/addon.ts";
import { eksCluster } from "#sandbox/aws/cloudformation/types/eks/cluster.ts";
import { eksNodegroup } from "#sandbox/aws/cloudformation/types/eks/node-group.ts";
import { eksPodIdentity } from "#sandbox/aws/cloudformation/types/eks/pod-identity.ts";
import { iamManagedPolicy } from "#sandbox/aws/cloudformation/types/iam/managed-policy.ts";
import { iamRole } from "#sandbox/aws/cloudformation/types/iam/role.ts";
import { kmsKey } from "#sandbox/aws/cloudformation/types/kms/key.ts";
import { logGroup } from "#sandbox/aws/cloudformation/types/logs/log-group.ts";
import { hostedZone } from "#sandbox/aws/cloudformation/types/route53/hosted-zone.ts";
import { recordSet } from "#sandbox/aws/cloudformation/types/route53/record-set.ts";
import type { ResourceType } from "#sandbox/aws/cloudformation/types/type.ts";

export const resourceTypes: readonly ResourceType[] = [
  address,
  eksAccessEntry,
  eksAddon,
  eksCluster,
  eksNodegroup,
  eksPodIdentity,
  gatewayAttachment,
  hostedZone,
  iamManagedPolicy,
  iamRole,
  internetGateway,
  kmsKey,
  launchTemplate,
  logGroup,
  natGateway,
  recordSet,
  route,
  routeTable,
  routeTableAssociation,
  subnet,
  vpc,
];

const byName: ReadonlyMap<string, ResourceType> = new Map(resourceTypes.map((type) => [type.name, type]));

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
