import { AwsFault } from "#sandbox/aws/cloud.ts";
import { newId, type RouteTable } from "#sandbox/aws/cloudformation/ec2/network.ts";
import {
  allowNew,
  allowOn,
  changedTags,
  dependencyViolation,
  stateOf,
  subnetOf,
  targetOf,
  vpcOf,
} from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { defineType, type ResourceContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import { stringAt } from "#sandbox/json.ts";

export const routeTable = defineType({
  name: "AWS::EC2::RouteTable",
  supports: ["Tags", "VpcId"],
  seconds: { create: 10, update: 10, delete: 2 },

  create(context, properties) {
    const network = vpcOf(context, stringAt(properties, "VpcId"));
    const tags = allowNew(context, "CreateRouteTable", "route-table", properties.Tags);
    allowOn(context, "CreateRouteTable", targetOf.vpc(network));
    const id = newId("rtb");
    stateOf(context).routeTables[id] = { id, tags, vpcId: network.id, routes: [], associations: {} };
    return id;
  },

  read(context, id) {
    const found = stateOf(context).routeTables[id];
    return found === undefined ? undefined : { RouteTableId: id, VpcId: found.vpcId, Tags: tagList(found.tags) };
  },

  update(context, id, properties) {
    const found = routeTableOf(context, id);
    const tags = changedTags(context, "route-table", found, properties);
    stateOf(context).routeTables[id] = { ...found, tags };
  },

  delete(context, id) {
    const { routeTables } = stateOf(context);
    context.allow("ec2:DescribeRouteTables", "*");
    const found = routeTables[id];
    if (found === undefined) return;
    allowOn(context, "DeleteRouteTable", targetOf.routeTable(found));
    if (Object.keys(found.associations).length > 0) throw dependencyViolation("routeTable", id);
    delete routeTables[id];
  },
});

export const routeTableAssociation = defineType({
  name: "AWS::EC2::SubnetRouteTableAssociation",
  supports: ["RouteTableId", "SubnetId"],
  seconds: { create: 4, update: 4, delete: 2 },

  create(context, properties) {
    const table = routeTableOf(context, stringAt(properties, "RouteTableId"));
    const target = subnetOf(context, stringAt(properties, "SubnetId"));
    allowOn(context, "AssociateRouteTable", targetOf.routeTable(table), targetOf.subnet(target));
    const { routeTables } = stateOf(context);
    if (table.vpcId !== target.vpcId) {
      const why = `Route table ${table.id} and subnet ${target.id} belong to different networks`;
      throw new AwsFault("InvalidParameterValue", why);
    }
    for (const other of Object.values(routeTables)) {
      if (!Object.values(other.associations).includes(target.id)) continue;
      const why = `the specified association for route table ${other.id} conflicts with an existing association`;
      throw new AwsFault("Resource.AlreadyAssociated", why);
    }
    const id = newId("rtbassoc");
    routeTables[table.id] = { ...table, associations: { ...table.associations, [id]: target.id } };
    return id;
  },

  read(context, id) {
    const found = Object.values(stateOf(context).routeTables).find(({ associations }) => id in associations);
    return found === undefined ? undefined : { Id: id, RouteTableId: found.id, SubnetId: found.associations[id] };
  },

  update() {
    throw new Error("both properties of an association make another one");
  },

  delete(context, id) {
    const { routeTables, subnets } = stateOf(context);
    context.allow("ec2:DescribeRouteTables", "*");
    const table = Object.values(routeTables).find(({ associations }) => id in associations);
    if (table === undefined) return;
    const { [id]: subnetId = "", ...associations } = table.associations;
    const target = subnets[subnetId];
    allowOn(
      context,
      "DisassociateRouteTable",
      targetOf.routeTable(table),
      ...(target ? [targetOf.subnet(target)] : []),
    );
    routeTables[table.id] = { ...table, associations };
  },
});

/** @throws AwsFault InvalidRouteTableID.NotFound */
export function routeTableOf(context: ResourceContext, id: string): RouteTable {
  const found = stateOf(context).routeTables[id];
  if (found !== undefined) return found;
  throw new AwsFault("InvalidRouteTableID.NotFound", `The routeTable ID '${id}' does not exist`);
}
