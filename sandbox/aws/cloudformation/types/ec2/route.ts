import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { Route } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { formatCidr, tryParseCidr } from "#sandbox/aws/cloudformation/template/cidr.ts";
import { allowOn, stateOf, targetOf } from "#sandbox/aws/cloudformation/types/ec2/calls.ts";
import { gatewayOf } from "#sandbox/aws/cloudformation/types/ec2/internet-gateway.ts";
import { natGatewayOf } from "#sandbox/aws/cloudformation/types/ec2/nat-gateway.ts";
import { routeTableOf } from "#sandbox/aws/cloudformation/types/ec2/route-table.ts";
import { defineType, type ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { type JsonObject, stringAt } from "#sandbox/json.ts";

export const route = defineType({
  name: "AWS::EC2::Route",
  supports: ["DestinationCidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"],
  seconds: { create: 8, update: 8, delete: 2 },

  create(context, properties) {
    const table = routeTableOf(context, stringAt(properties, "RouteTableId"));
    allowOn(context, "CreateRoute", targetOf.routeTable(table));
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
    return {
      RouteTableId: tableId,
      CidrBlock: found.destination,
      DestinationCidrBlock: found.destination,
      ...(found.gatewayId === undefined ? {} : { GatewayId: found.gatewayId }),
      ...(found.natGatewayId === undefined ? {} : { NatGatewayId: found.natGatewayId }),
    };
  },

  update(context, physicalId, properties) {
    const [tableId = ""] = physicalId.split("|");
    const table = routeTableOf(context, tableId);
    allowOn(context, "ReplaceRoute", targetOf.routeTable(table));
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
    allowOn(context, "DeleteRoute", targetOf.routeTable(table));
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
  if (typeof gatewayId === "string") {
    if (gatewayOf(context, gatewayId).vpcId === vpcId) return { destination, gatewayId };
    const why = `route table and network gateway ${gatewayId} belong to different networks`;
    throw new AwsFault("InvalidParameterValue", why);
  }
  const nat = natGatewayOf(context, String(natGatewayId));
  if (nat.vpcId === vpcId) return { destination, natGatewayId: nat.id };
  throw new AwsFault("InvalidParameterValue", `route table and NAT gateway ${nat.id} belong to different networks`);
}
