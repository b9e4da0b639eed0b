import { formatCidr, tryParseCidr } from "#lib/fleet/cidr.ts";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { newId, type Route } from "#sandbox/aws/cloudformation/ec2/network.ts";
import {
  allowOn,
  dependencyViolation,
  itemType,
  kinds,
  stateOf,
  thingOf,
} from "#sandbox/aws/cloudformation/types/ec2/item.ts";
import { defineType, type ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const routeTable = itemType({
  name: "AWS::EC2::RouteTable",
  kind: kinds.routeTable,
  supports: ["Tags", "VpcId"],
  seconds: { create: 10, update: 10, delete: 2 },
  actions: { create: "ec2:CreateRouteTable", describe: "ec2:DescribeRouteTables", delete: "ec2:DeleteRouteTable" },

  create(context, properties, item) {
    const network = thingOf(context, kinds.vpc, stringAt(properties, "VpcId"));
    allowOn(context, "ec2:CreateRouteTable", kinds.vpc, network);
    return { ...item, vpcId: network.id, routes: [], associations: {} };
  },

  read: ({ id, vpcId }) => ({ RouteTableId: id, VpcId: vpcId }),

  release(_, found) {
    if (Object.keys(found.associations).length > 0) throw dependencyViolation(kinds.routeTable, found);
  },
});

export const routeTableAssociation = defineType({
  name: "AWS::EC2::SubnetRouteTableAssociation",
  supports: ["RouteTableId", "SubnetId"],
  seconds: { create: 4, update: 4, delete: 2 },

  create(context, properties) {
    const table = thingOf(context, kinds.routeTable, stringAt(properties, "RouteTableId"));
    const target = thingOf(context, kinds.subnet, stringAt(properties, "SubnetId"));
    allowOn(context, "ec2:AssociateRouteTable", kinds.routeTable, table);
    allowOn(context, "ec2:AssociateRouteTable", kinds.subnet, target);
    const { routeTables } = stateOf(context);
    if (table.vpcId !== target.vpcId) {
      const why = `Route table ${table.id} and subnet ${target.id} belong to different networks`;
      throw new AwsFault("InvalidParameterValue", why);
    }
    const other = Object.values(routeTables).find((one) => Object.values(one.associations).includes(target.id));
    if (other !== undefined) {
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
    allowOn(context, "ec2:DisassociateRouteTable", kinds.routeTable, table);
    if (target !== undefined) allowOn(context, "ec2:DisassociateRouteTable", kinds.subnet, target);
    routeTables[table.id] = { ...table, associations };
  },
});

export const route = defineType({
  name: "AWS::EC2::Route",
  supports: ["DestinationCidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"],
  seconds: { create: 8, update: 8, delete: 2 },

  create(context, properties) {
    const table = thingOf(context, kinds.routeTable, stringAt(properties, "RouteTableId"));
    allowOn(context, "ec2:CreateRoute", kinds.routeTable, table);
    const made = routeOf(context, properties, table.vpcId);
    if (table.routes.some(({ destination }) => destination === made.destination)) {
      const why = `The route identified by ${made.destination} already exists.`;
      throw new AwsFault("RouteAlreadyExists", why);
    }
    stateOf(context).routeTables[table.id] = { ...table, routes: [...table.routes, made] };
    return `${table.id}|${made.destination}`;
  },

  read(context, physicalId) {
    const [tableId = "", destination] = physicalId.split("|");
    const found = stateOf(context).routeTables[tableId]?.routes.find((one) => one.destination === destination);
    if (found === undefined) return undefined;
    const { gatewayId, natGatewayId } = found;
    return {
      RouteTableId: tableId,
      CidrBlock: found.destination,
      DestinationCidrBlock: found.destination,
      ...(gatewayId === undefined ? {} : { GatewayId: gatewayId }),
      ...(natGatewayId === undefined ? {} : { NatGatewayId: natGatewayId }),
    };
  },

  update(context, physicalId, properties) {
    const [tableId = ""] = physicalId.split("|");
    const table = thingOf(context, kinds.routeTable, tableId);
    allowOn(context, "ec2:ReplaceRoute", kinds.routeTable, table);
    const made = routeOf(context, properties, table.vpcId);
    const others = table.routes.filter(({ destination }) => destination !== made.destination);
    stateOf(context).routeTables[tableId] = { ...table, routes: [...others, made] };
  },

  delete(context, physicalId) {
    const [tableId = "", destination] = physicalId.split("|");
    const { routeTables } = stateOf(context);
    context.allow("ec2:DescribeRouteTables", "*");
    const table = routeTables[tableId];
    if (table === undefined) return;
    allowOn(context, "ec2:DeleteRoute", kinds.routeTable, table);
    routeTables[tableId] = { ...table, routes: table.routes.filter((one) => one.destination !== destination) };
  },
});

function routeOf(context: ResourceContext, properties: JsonObject, vpcId: string): Route {
  const text = stringAt(properties, "DestinationCidrBlock");
  const range = tryParseCidr(text);
  if (range === undefined)
    throw new AwsFault("InvalidParameterValue", `Invalid value '${text}' for destinationCidrBlock.`);
  const destination = formatCidr(range);
  const { GatewayId: gatewayId, NatGatewayId: natGatewayId } = properties;
  if ((gatewayId === undefined) === (natGatewayId === undefined)) {
    throw new AwsFault(
      "InvalidParameterCombination",
      "The parameter gatewayId or natGatewayId must be specified, and only one of them.",
    );
  }
  const target =
    gatewayId === undefined
      ? thingOf(context, kinds.natGateway, String(natGatewayId))
      : thingOf(context, kinds.gateway, String(gatewayId));
  if (target.vpcId !== vpcId) {
    throw new AwsFault("InvalidParameterValue", `route table and gateway ${target.id} belong to different networks`);
  }
  return { destination, ...(gatewayId === undefined ? { natGatewayId: target.id } : { gatewayId: target.id }) };
}
