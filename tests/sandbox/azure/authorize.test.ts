import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { clustersRole, delegationsRole, grantingCondition } from "#lib/azure/permissions.ts";
import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import { isKnownAction } from "#sandbox/azure/authorization/actions.ts";
import { type ActionKind, authorize, authorizeRole, isAuthorized } from "#sandbox/azure/authorization/authorize.ts";
import { tryParseCondition } from "#sandbox/azure/authorization/condition.ts";
import { builtInRoles, roleDefinitionType } from "#sandbox/azure/authorization/roles.ts";
import type { Caller } from "#sandbox/azure/cloud.ts";
import { joinGroup } from "#sandbox/azure/entra/directory.ts";
import {
  administrator,
  assign,
  callerFor,
  createApplication,
  group,
  openTestAzure,
  otherTenant,
  store,
  subscription,
  type TestAzure,
} from "#tests/sandbox/azure/test-cloud.ts";

const whole = `/subscriptions/${subscription}`;
const zone = `${group}/providers/Microsoft.Network/dnsZones/k01.k8s.az.mylabs.dev`;
const cluster = `${group}/providers/Microsoft.ContainerService/managedClusters/k01`;
const roleNamed = (name: string): string => builtInRoles.find(({ roleName }) => roleName === name)?.id ?? name;
const zonesRole = "aaaaaaaa-0000-4000-8000-000000000001";

let azure: TestAzure;
beforeAll(() => {
  azure = openTestAzure();
  store(azure.cloud, `${whole}/providers/${roleDefinitionType}/${zonesRole}`, roleDefinitionType, {
    properties: {
      roleName: "zones",
      permissions: [
        { actions: ["Microsoft.Network/dnszones/*"], notActions: ["Microsoft.Network/dnszones/*/delete"] },
        { actions: ["Microsoft.Network/dnszones/TXT/delete"] },
      ],
    },
  });
});
afterAll(() => azure.close());

/** A caller with one role. */
function holder(role: string, scope: string, condition?: string): Caller {
  const principal = createApplication(azure.cloud);
  assign(azure.cloud, principal.objectId, roleNamed(role), scope, condition);
  return callerFor(azure.cloud, principal);
}

function refusalOf(call: () => void): readonly [number, string, string] {
  try {
    call();
  } catch (error) {
    if (error instanceof ArmFault) return [error.status, error.code, error.message];
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a role", () => {
  const clusters = "Microsoft.ContainerService/managedClusters";
  test.each([
    ["Owner", group, "Microsoft.Authorization/roleAssignments/write", zone, true],
    ["Owner", group, "Microsoft.Network/dnsZones/write", `${whole}/resourceGroups/another`, false],
    ["Owner", group, "Microsoft.Network/dnsZones/write", `${group}-2`, false],
    ["Owner", group.toUpperCase(), "microsoft.network/DNSZONES/write", zone.toLowerCase(), true],
    ["Owner", zone, "Microsoft.Resources/subscriptions/read", whole, true],
    ["Contributor", whole, "Microsoft.ContainerService/managedClusters/write", cluster, true],
    ["Contributor", whole, "Microsoft.Authorization/roleAssignments/write", cluster, false],
    ["Contributor", whole, "Microsoft.Authorization/roleAssignments/read", cluster, true],
    ["Reader", whole, "Microsoft.Network/dnsZones/NS/read", zone, true],
    ["Reader", whole, "Microsoft.Network/dnsZones/NS/write", zone, false],
    ["Reader", whole, `${clusters}/listClusterUserCredential/action`, cluster, false],
    ["DNS Zone Contributor", zone, "Microsoft.Network/dnszones/TXT/write", `${zone}/TXT/@`, true],
    ["DNS Zone Contributor", zone, "Microsoft.Network/dnszones/write", group, false],
    [
      "Azure Kubernetes Service Cluster User Role",
      cluster,
      `${clusters}/listClusterUserCredential/action`,
      cluster,
      true,
    ],
    [
      "Azure Kubernetes Service Cluster User Role",
      cluster,
      `${clusters}/listClusterAdminCredential/action`,
      cluster,
      false,
    ],
    ["Role Based Access Control Administrator", whole, "Microsoft.Authorization/roleAssignments/delete", zone, true],
    ["Role Based Access Control Administrator", whole, "Microsoft.Authorization/roleDefinitions/write", whole, false],
    [zonesRole, group, "Microsoft.Network/dnsZones/A/write", zone, true],
    [zonesRole, group, "Microsoft.Network/dnsZones/A/delete", zone, false],
    [zonesRole, group, "Microsoft.Network/dnsZones/TXT/delete", zone, true],
    ["aaaaaaaa-0000-4000-8000-00000000dead", group, "Microsoft.Network/dnsZones/read", zone, false],
  ] as const)("%s at %s: %s over %s: %p", (role, scope, action, over, isAllowed) => {
    expect(isAuthorized(azure.cloud, holder(role, scope), action, over)).toBe(isAllowed);
  });

  test.each([
    ["Owner", "pods/read", false],
    ["Azure Kubernetes Service RBAC Cluster Admin", "secrets/write", true],
    ["Azure Kubernetes Service RBAC Reader", "pods/read", true],
    ["Azure Kubernetes Service RBAC Reader", "secrets/read", false],
    ["Azure Kubernetes Service RBAC Reader", "pods/write", false],
  ] as const)("%s lets one %s in a cluster: %p", (role, what, isAllowed) => {
    const ask = (kind: ActionKind) =>
      isAuthorized(azure.cloud, holder(role, cluster), `${clusters}/${what}`, cluster, kind);
    expect(ask("data")).toBe(isAllowed);
  });

  test("is denied in Azure's words", () => {
    const caller = holder("Reader", zone);
    expect(refusalOf(() => authorize(azure.cloud, caller, "Microsoft.Network/dnsZones/write", zone))).toEqual([
      403,
      "AuthorizationFailed",
      `The client '${caller.appId}' with object id '${caller.objectId}' does not have authorization to perform action 'Microsoft.Network/dnsZones/write' over scope '${zone}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    ]);
  });
});

test("members have the roles of their group", () => {
  const operators = "44444444-4444-4444-8444-444444444444";
  const person = createApplication(azure.cloud);
  assign(azure.cloud, operators, roleNamed("Contributor"), whole);
  const mayWrite = () =>
    isAuthorized(azure.cloud, callerFor(azure.cloud, person), "Microsoft.Network/dnsZones/write", zone);
  expect(mayWrite()).toBe(false);
  joinGroup(azure.cloud, "11111111-1111-4111-8111-111111111111", operators, person.objectId);
  expect(mayWrite()).toBe(true);
});

test("administrators own the subscriptions of their tenant, and no others", () => {
  authorize(azure.cloud, administrator(), "Microsoft.Authorization/roleDefinitions/write", whole);
  expect(isAuthorized(azure.cloud, administrator(otherTenant), "Microsoft.Resources/subscriptions/read", whole)).toBe(
    false,
  );
});

describe("a condition", () => {
  const dns = roleNamed("DNS Zone Contributor");
  const admin = roleNamed("Azure Kubernetes Service RBAC Cluster Admin");
  const owner = roleNamed("Owner");

  test("limits the roles that are handed out and taken away", () => {
    const caller = holder("Role Based Access Control Administrator", whole, grantingCondition);
    for (const verb of ["write", "delete"] as const) {
      expect(isAuthorized(azure.cloud, caller, `Microsoft.Authorization/roleAssignments/${verb}`, zone)).toBe(true);
      for (const role of [dns, `${whole}/providers/${roleDefinitionType}/${admin.toUpperCase()}`]) {
        authorizeRole(azure.cloud, caller, verb, { scope: zone, role });
      }
      const [status, code, message] = refusalOf(() =>
        authorizeRole(azure.cloud, caller, verb, { scope: zone, role: owner }),
      );
      expect([status, code]).toEqual([403, "AuthorizationFailed"]);
      expect(message).toContain("has an authorization with ABAC condition that is not fulfilled to perform action");
    }
  });

  test("does not limit another assignment of the caller", () => {
    const caller = holder("Role Based Access Control Administrator", whole, grantingCondition);
    assign(azure.cloud, caller.objectId, roleNamed("Owner"), group);
    authorizeRole(azure.cloud, caller, "write", { scope: zone, role: owner });
  });

  test.each([
    ["another attribute", grantingCondition.replaceAll("RoleDefinitionId", "PrincipalId")],
    [
      "another operator",
      grantingCondition.replaceAll("ForAnyOfAnyValues:GuidEquals", "ForAnyOfAllValues:GuidNotEquals"),
    ],
    ["the resource of a write", grantingCondition.replaceAll("@Request", "@Resource")],
    ["OR between its halves", grantingCondition.replace(" AND ", " OR ")],
    ["more in front", `(true) AND ${grantingCondition}`],
    ["nothing", ""],
  ])("is not understood with %s", (_, condition) => {
    expect(tryParseCondition(condition)).toBeUndefined();
  });

  test("is understood over several lines and in part", () => {
    const [write = ""] = grantingCondition.split(" AND ");
    expect(tryParseCondition(grantingCondition.replaceAll("(", "(\n  "))).toEqual({
      write: [dns, admin],
      delete: [dns, admin],
    });
    expect(tryParseCondition(write)).toEqual({ write: [dns, admin], delete: undefined });
  });
});

describe("an action of a custom role", () => {
  test.each([...clustersRole.actions, ...delegationsRole.actions])("%s exists", (action) => {
    expect(isKnownAction(action)).toBe(true);
  });

  test.each([
    "Microsoft.Network/dnsZone/read",
    "Microsoft.Network/dnsZones/list",
    "Microsoft.Nothing/*",
    "dnsZones/read",
  ])("%s does not exist", (action) => expect(isKnownAction(action)).toBe(false));
});
