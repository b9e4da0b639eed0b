import { overlap, tryParseCidr } from "#lib/fleet/cidr.ts";
import { type GcpCall, type Json, projectIdOf } from "#sandbox/gcp/api/behaviour.ts";
import { unsupported } from "#sandbox/gcp/api/faults.ts";
import { computeFault, invalidValue } from "#sandbox/gcp/compute/faults.ts";
import { linkTo, pathIn, subnetworksIn } from "#sandbox/gcp/compute/state.ts";
import { type JsonObject, listAt, objectAt, stringAt, textsAt } from "#sandbox/json.ts";

/** Networks in legacy mode can't be created any more. @throws GcpFault 400 */
export function readNetwork(body: Json): JsonObject {
  if (body.autoCreateSubnetworks !== false) {
    throw unsupported("networks other than those in custom mode");
  }
  return {
    autoCreateSubnetworks: false,
    networkFirewallPolicyEnforcementOrder: "AFTER_CLASSIC_FIREWALL",
    routingConfig: { bgpBestPathSelectionMode: "LEGACY", routingMode: "REGIONAL", ...objectAt(body, "routingConfig") },
  };
}

/** @throws GcpFault 400 for a range that another one of the network overlaps */
export function readSubnetwork(call: GcpCall): JsonObject {
  const network = networkLink(call, call.body);
  const ipCidrRange = stringAt(call.body, "ipCidrRange");
  const range = tryParseCidr(ipCidrRange);
  if (range === undefined) throw invalidValue("resource.ipCidrRange", ipCidrRange, "Must be a valid IPv4 range.");
  const taken = subnetworksIn(call.cloud, projectIdOf(call), network).map((one) => stringAt(one, "ipCidrRange"));
  if (taken.flatMap((text) => tryParseCidr(text) ?? []).some((other) => overlap(range, other))) {
    throw computeFault(400, "invalid", `Invalid IPCidrRange: ${ipCidrRange} conflicts with existing subnetwork.`);
  }
  return {
    network,
    ipCidrRange,
    gatewayAddress: ipCidrRange.replace(/\d+\/\d+$/, "1"),
    privateIpGoogleAccess: call.body.privateIpGoogleAccess === true,
    privateIpv6GoogleAccess: "DISABLE_GOOGLE_ACCESS",
    purpose: "PRIVATE",
    stackType: "IPV4_ONLY",
  };
}

/** What Cloud NAT adds to a gateway. */
const natDefaults: JsonObject = {
  autoNetworkTier: "PREMIUM",
  enableEndpointIndependentMapping: false,
  endpointTypes: ["ENDPOINT_TYPE_VM"],
  type: "PUBLIC",
};

/** @param body the whole router @throws GcpFault 400 */
export function readRouter(call: GcpCall, body: Json): JsonObject {
  const nats = listAt(body, "nats").map((nat) => readNat(objectAt({ nat }, "nat")));
  const names = nats.map((nat) => stringAt(nat, "name"));
  if (new Set(names).size < names.length) throw invalidValue("resource.nats", names.join(", "), "Duplicate NAT names.");
  const wholes = nats.filter((nat) => stringAt(nat, "sourceSubnetworkIpRangesToNat").startsWith("ALL_"));
  if (wholes.length > 1) {
    throw invalidValue("resource.nats", names.join(", "), "Only one NAT can be for all subnetworks.");
  }
  return {
    network: networkLink(call, body),
    encryptedInterconnectRouter: false,
    ...(body.bgp === undefined ? {} : { bgp: objectAt(body, "bgp") }),
    nats,
  };
}

function readNat(given: JsonObject): JsonObject {
  const [name, allocation, source] = [
    stringAt(given, "name"),
    stringAt(given, "natIpAllocateOption"),
    stringAt(given, "sourceSubnetworkIpRangesToNat"),
  ];
  if (name === "" || source === "") {
    throw invalidValue("resource.nats", name, "A name and the ranges of subnetworks are required.");
  }
  const addresses = [...textsAt(given, "natIps"), ...textsAt(given, "drainNatIps")];
  if (allocation === "AUTO_ONLY" && addresses.length > 0) {
    throw invalidValue("resource.nats.natIps", addresses.join(", "), "NAT IPs can't be specified with AUTO_ONLY.");
  }
  return { ...natDefaults, ...given };
}

/** @throws GcpFault 400 */
export function readFirewall(call: GcpCall): JsonObject {
  const { direction = "INGRESS", priority = 1_000, ...others } = call.body as JsonObject;
  return { ...others, direction, priority, network: networkLink(call, call.body) };
}

function networkLink(call: GcpCall, body: Json): string {
  const projectId = projectIdOf(call);
  const network = stringAt(body, "network");
  if (network === "") throw invalidValue("resource.network", network, "It is required.");
  return linkTo(projectId, pathIn(projectId, network, "global/networks"));
}
