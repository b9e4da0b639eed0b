import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { grantingCondition } from "#lib/azure/permissions.ts";
import { Gateway } from "#sandbox/azure/arm/gateway.ts";
import { kinds, listings } from "#sandbox/azure/arm/kinds.ts";
import { authorize } from "#sandbox/azure/authorization/authorize.ts";
import { builtInRoles } from "#sandbox/azure/authorization/roles.ts";
import type { Caller } from "#sandbox/azure/cloud.ts";
import { joinGroup, tryFindPrincipal } from "#sandbox/azure/entra/directory.ts";
import { federatedCredentialType, identityType } from "#sandbox/azure/entra/federation.ts";
import { stringAt } from "#sandbox/json.ts";
import {
  administrator,
  callerFor,
  createApplication,
  group,
  openTestAzure,
  subscription,
  type TestAzure,
  tenant,
} from "#tests/sandbox/azure/test-cloud.ts";

const whole = `/subscriptions/${subscription}`;
const audiences = ["api://AzureADTokenExchange"];
const roleNamed = (name: string): string => {
  const id = builtInRoles.find(({ roleName }) => roleName === name)?.id;
  return `${whole}/providers/Microsoft.Authorization/roleDefinitions/${id}`;
};

let azure: TestAzure;
let gateway: Gateway;
/** By the token that stands for them. */
const callers = new Map<string, Caller>();
beforeAll(async () => {
  azure = openTestAzure();
  const { cloud } = azure;
  gateway = new Gateway({
    cloud,
    kinds,
    listings,
    identify: async (token) => callers.get(token) ?? administrator(),
    authorize: (caller, action, scope) => authorize(cloud, caller, action, scope),
  });
  await ask("POST", `${whole}/providers/Microsoft.ManagedIdentity/register`);
  azure.advance(600_000);
  await ask("PUT", group, { location: "westeurope" });
});
afterAll(() => azure.close());

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const versions: Readonly<Record<string, string>> = { authorization: "2022-04-01", managedidentity: "2024-11-30" };

async function ask(method: string, path: string, body?: object, token = "administrator"): Promise<Answer> {
  const [, namespace = ""] = /^.*\/providers\/microsoft\.(\w+)/i.exec(path) ?? [];
  const url = new URL(`https://management.azure.com${path}`);
  url.searchParams.set("api-version", versions[namespace.toLowerCase()] ?? "2021-04-01");
  const request = { method, url, headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(body) ?? "" };
  const { response } = await gateway.handle(request);
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

const codeOf = ({ status, body }: Answer) => [status, stringAt(body, "error", "code")] as const;
const messageOf = ({ body }: Answer) => stringAt(body, "error", "message");
const identity = (name: string) => `${group}/providers/${identityType}/${name}`;
const credential = (owner: string, name: string) => `${identity(owner)}/federatedIdentityCredentials/${name}`;
const trusting = (subject: string, issuer = "https://issuer.example") => ({
  properties: { issuer, subject, audiences },
});
const assignment = (scope: string, name: string = crypto.randomUUID()) =>
  `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`;
const definition = (name: string = crypto.randomUUID()) =>
  `${whole}/providers/Microsoft.Authorization/roleDefinitions/${name}`;

async function createIdentity(name: string): Promise<{ readonly principalId: string; readonly clientId: string }> {
  const { body } = await ask("PUT", identity(name), { location: "westeurope" });
  return {
    principalId: stringAt(body, "properties", "principalId"),
    clientId: stringAt(body, "properties", "clientId"),
  };
}

/** Somebody with an assignment that counts already. */
async function holder(role: string, scope: string, more: object = {}): Promise<string> {
  const person = createApplication(azure.cloud);
  const properties = {
    roleDefinitionId: role,
    principalId: person.objectId,
    principalType: "ServicePrincipal",
    ...more,
  };
  expect(codeOf(await ask("PUT", assignment(scope), { properties }))).toEqual([201, ""]);
  azure.advance(60_000);
  callers.set(person.objectId, callerFor(azure.cloud, person));
  return person.objectId;
}

describe("a managed identity", () => {
  test("keeps its principal, and takes it along", async () => {
    const made = await ask("PUT", identity("first"), { location: "West Europe", tags: { a: "b" } });
    expect(made).toMatchObject({
      status: 201,
      body: {
        id: identity("first").replace("resourceGroups", "resourcegroups"),
        type: identityType,
        location: "westeurope",
        tags: { a: "b" },
        properties: { tenantId: tenant },
      },
    });
    const again = await ask("PUT", identity("first"), { location: "westeurope" });
    expect(again).toMatchObject({ status: 200, body: { tags: {} } });
    const principalId = stringAt(made.body, "properties", "principalId");
    expect(stringAt(again.body, "properties", "principalId")).toBe(principalId);
    expect(tryFindPrincipal(azure.cloud, tenant, principalId)).toMatchObject({ name: "first" });
    const properties = { roleDefinitionId: roleNamed("Reader"), principalId, principalType: "ServicePrincipal" };
    const reader = assignment(group);
    await ask("PUT", reader, { properties });
    expect((await ask("DELETE", identity("first"))).status).toBe(200);
    expect(tryFindPrincipal(azure.cloud, tenant, principalId)).toBeUndefined();
    expect((await ask("GET", reader)).status).toBe(200);
  });
});

describe("a federated credential", () => {
  test("is refused beside another one for the same token, with more audiences, and as the 21st", async () => {
    await createIdentity("many");
    const made = await ask("PUT", credential("many", "first"), trusting("one"));
    expect(made).toEqual({
      status: 201,
      body: {
        id: credential("many", "first").replace("resourceGroups", "resourcegroups"),
        name: "first",
        type: federatedCredentialType,
        ...trusting("one"),
      },
    });
    const twin = await ask("PUT", credential("many", "second"), trusting("one"));
    expect([codeOf(twin), messageOf(twin)]).toEqual([
      [400, "BadRequest"],
      "Issuer and subject combination already exists for this Managed Identity.",
    ]);
    const wide = { properties: { ...trusting("two").properties, audiences: ["a", "b"] } };
    expect(codeOf(await ask("PUT", credential("many", "second"), wide))).toEqual([400, "BadRequest"]);
    expect(codeOf(await ask("PUT", credential("many", "no"), trusting("two")))[0]).toBe(400);
    for (let index = 2; index <= 20; index += 1) {
      expect((await ask("PUT", credential("many", `more-${index}`), trusting(`${index}`))).status).toBe(201);
    }
    expect(codeOf(await ask("PUT", credential("many", "more-21"), trusting("21")))).toEqual([400, "BadRequest"]);
    expect((await ask("PUT", credential("many", "first"), trusting("other"))).status).toBe(200);
  });

  test("is refused while another one of the identity is written", async () => {
    await createIdentity("busy");
    const answers = await Promise.all([
      ask("PUT", credential("busy", "first"), trusting("one")),
      ask("PUT", credential("busy", "second"), trusting("two")),
    ]);
    expect(answers.map(codeOf)).toEqual([
      [201, ""],
      [409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"],
    ]);
    expect((await ask("PUT", credential("busy", "second"), trusting("two"))).status).toBe(201);
    expect((await ask("DELETE", credential("busy", "second"))).status).toBe(200);
    expect((await ask("DELETE", credential("busy", "second"))).status).toBe(204);
    expect(codeOf(await ask("PUT", credential("nobody", "first"), trusting("one")))).toEqual([
      404,
      "ParentResourceNotFound",
    ]);
  });
});

describe("a role definition", () => {
  const zones = (more: object = {}) => ({
    properties: {
      roleName: "zones",
      assignableScopes: [whole],
      permissions: [{ actions: ["Microsoft.Network/dnszones/read"] }],
      type: "customRole",
      ...more,
    },
  });

  test("is answered as the live service does, and goes when nobody has it", async () => {
    const id = definition();
    const name = id.slice(-36);
    const { objectId } = administrator();
    expect(await ask("PUT", id, zones())).toEqual({
      status: 201,
      body: {
        id,
        name,
        type: "Microsoft.Authorization/roleDefinitions",
        properties: {
          roleName: "zones",
          type: "CustomRole",
          description: null,
          assignableScopes: [whole],
          permissions: [
            { actions: ["Microsoft.Network/dnszones/read"], notActions: [], dataActions: [], notDataActions: [] },
          ],
          createdOn: expect.any(String),
          updatedOn: expect.any(String),
          createdBy: objectId,
          updatedBy: objectId,
        },
      },
    });
    expect((await ask("PUT", id, zones())).status).toBe(201);
    const twin = await ask("PUT", definition(), zones({ roleName: "Zones" }));
    expect(codeOf(twin)).toEqual([409, "RoleDefinitionWithSameNameExists"]);
    const reader = assignment(group);
    const properties = { roleDefinitionId: id, principalId: crypto.randomUUID(), principalType: "User" };
    expect((await ask("PUT", reader, { properties })).status).toBe(201);
    expect(codeOf(await ask("DELETE", id))).toEqual([400, "RoleDefinitionHasAssignments"]);
    expect(await ask("DELETE", reader)).toMatchObject({ status: 200, body: { properties } });
    expect((await ask("DELETE", reader)).status).toBe(204);
    expect(await ask("DELETE", id)).toMatchObject({ status: 200, body: { name } });
    const gone = await ask("GET", id);
    expect([codeOf(gone), messageOf(gone)]).toEqual([
      [404, "RoleDefinitionDoesNotExist"],
      `The specified role definition with ID '${name}' does not exist.`,
    ]);
  });

  test.each([
    [
      "an action that does not exist",
      { permissions: [{ actions: ["Microsoft.Network/dnszone/read"] }] },
      "InvalidActionOrNotAction",
    ],
    ["no scope", { assignableScopes: [] }, "MissingAssignableScopes"],
    ["no name", { roleName: "" }, "RoleDefinitionNameRequired"],
  ])("is refused with %s", async (_, more, code) => {
    expect(codeOf(await ask("PUT", definition(), zones(more)))).toEqual([400, code]);
  });

  test("is found by its name among the built-in ones", async () => {
    const list = (filter: string) =>
      ask("GET", `${group}/providers/Microsoft.Authorization/roleDefinitions?$filter=${encodeURIComponent(filter)}`);
    const found = await list("roleName eq 'DNS Zone Contributor'");
    expect(found.body).toMatchObject({
      value: [{ id: roleNamed("DNS Zone Contributor"), properties: { type: "BuiltInRole" } }],
    });
    expect(JSON.stringify(await list("type eq 'CustomRole'"))).not.toContain("BuiltInRole");
    expect(codeOf(await list("startswith(roleName, 'DNS')"))).toEqual([400, "UnsupportedQuery"]);
    expect((await ask("GET", roleNamed("Reader"))).status).toBe(200);
  });
});

describe("a role assignment", () => {
  const reads = (principalId: string, more: object = {}) => ({
    properties: { roleDefinitionId: roleNamed("Reader"), principalId, ...more },
  });

  test("of a new principal needs the principal's type, or time", async () => {
    const { principalId } = await createIdentity("new");
    const early = await ask("PUT", assignment(group), reads(principalId));
    expect(codeOf(early)).toEqual([400, "PrincipalNotFound"]);
    expect(messageOf(early)).toStartWith(
      `Principal ${principalId.replaceAll("-", "")} does not exist in the directory ${tenant}. Check that`,
    );
    const wrong = await ask("PUT", assignment(group), reads(principalId, { principalType: "User" }));
    expect(codeOf(wrong)).toEqual([400, "UnmatchedPrincipalType"]);
    azure.advance(20_000);
    const { objectId } = administrator();
    const id = assignment(group);
    // As the live service answers, of 19 November 2025.
    expect(await ask("PUT", id, reads(principalId))).toEqual({
      status: 201,
      body: {
        id,
        name: id.slice(-36),
        type: "Microsoft.Authorization/roleAssignments",
        properties: {
          roleDefinitionId: roleNamed("Reader"),
          principalId,
          principalType: "ServicePrincipal",
          scope: group,
          condition: null,
          conditionVersion: null,
          createdOn: expect.any(String),
          updatedOn: expect.any(String),
          createdBy: objectId,
          updatedBy: objectId,
          delegatedManagedIdentityResourceId: null,
          description: null,
        },
      },
    });
    const nobody = crypto.randomUUID();
    expect(codeOf(await ask("PUT", assignment(group), reads(nobody)))).toEqual([400, "PrincipalNotFound"]);
  });

  test("exists once for a scope, a role and a principal", async () => {
    const { principalId } = await createIdentity("once");
    const whom = reads(principalId, { principalType: "ServicePrincipal" });
    const first = crypto.randomUUID();
    expect((await ask("PUT", assignment(group, first), whom)).status).toBe(201);
    expect((await ask("PUT", assignment(group, first), whom)).status).toBe(200);
    const twin = await ask("PUT", assignment(group), whom);
    expect([codeOf(twin), messageOf(twin)]).toEqual([
      [409, "RoleAssignmentExists"],
      `The role assignment already exists. The ID of the existing role assignment is ${first.replaceAll("-", "")}.`,
    ]);
    const other = await ask("PUT", assignment(group, first), reads(crypto.randomUUID(), { principalType: "User" }));
    expect(codeOf(other)).toEqual([400, "RoleAssignmentUpdateNotPermitted"]);
    expect((await ask("PUT", assignment(whole), whom)).status).toBe(201);
    expect((await ask("PUT", assignment(whole, "not-a-uuid"), whom)).status).toBe(400);
    const dead = reads(principalId, { roleDefinitionId: definition() });
    expect(codeOf(await ask("PUT", assignment(group), dead))).toEqual([404, "RoleDefinitionDoesNotExist"]);
    const missing = await ask("GET", assignment(group, "aaaaaaaa-0000-4000-8000-000000000001"));
    expect(codeOf(missing)).toEqual([404, "RoleAssignmentNotFound"]);
  });

  test("counts after a minute, for members of a group too", async () => {
    const person = createApplication(azure.cloud);
    const operators = crypto.randomUUID();
    joinGroup(azure.cloud, tenant, operators, person.objectId);
    callers.set("member", callerFor(azure.cloud, person));
    const read = () => ask("GET", group, undefined, "member");
    expect(codeOf(await read())).toEqual([403, "AuthorizationFailed"]);
    const { status } = await ask("PUT", assignment(group), reads(operators, { principalType: "Group" }));
    expect(status).toBe(201);
    expect(codeOf(await read())).toEqual([403, "AuthorizationFailed"]);
    azure.advance(60_000);
    expect((await read()).status).toBe(200);
  });

  test("is listed by scope and by principal", async () => {
    const person = createApplication(azure.cloud);
    const operators = crypto.randomUUID();
    joinGroup(azure.cloud, tenant, operators, person.objectId);
    const typed = (principalType: string) => ({ principalType });
    await ask("PUT", assignment(whole), reads(operators, typed("Group")));
    await ask("PUT", assignment(group), reads(person.objectId, typed("ServicePrincipal")));
    const list = async (scope: string, filter: string): Promise<readonly string[]> => {
      const path = `${scope}/providers/Microsoft.Authorization/roleAssignments?$filter=${encodeURIComponent(filter)}`;
      const { value } = (await ask("GET", path)).body as { readonly value: readonly object[] };
      const all = value.map((one) => [
        stringAt(one, "properties", "principalId"),
        stringAt(one, "properties", "scope"),
      ]);
      return all.flatMap(([who, scope = ""]) => (who === operators || who === person.objectId ? [scope] : [])).sort();
    };
    expect(await list(group, "atScope()")).toEqual([whole, group]);
    expect(await list(whole, "atScope()")).toEqual([whole]);
    expect(await list(whole, `principalId eq '${person.objectId}'`)).toEqual([group]);
    expect(await list(whole, `assignedTo('${person.objectId}')`)).toEqual([whole, group]);
    expect(await list(whole, `atScope() and assignedTo('${person.objectId}')`)).toEqual([whole]);
  });

  test("with a condition hands out and takes away only the roles that it names", async () => {
    const condition = { condition: grantingCondition, conditionVersion: "2.0" };
    const delegate = await holder(roleNamed("Role Based Access Control Administrator"), whole, condition);
    const whom = (role: string) =>
      reads(crypto.randomUUID(), { roleDefinitionId: roleNamed(role), principalType: "User" });
    const [allowed, owned] = [assignment(group), assignment(group)];
    expect((await ask("PUT", allowed, whom("DNS Zone Contributor"), delegate)).status).toBe(201);
    const denied = await ask("PUT", assignment(group), whom("Owner"), delegate);
    expect(codeOf(denied)).toEqual([403, "AuthorizationFailed"]);
    expect(messageOf(denied)).toContain("has an authorization with ABAC condition that is not fulfilled");
    await ask("PUT", owned, whom("Owner"));
    expect(codeOf(await ask("DELETE", owned, undefined, delegate))).toEqual([403, "AuthorizationFailed"]);
    expect((await ask("DELETE", allowed, undefined, delegate)).status).toBe(200);
    const strange = { condition: "@Resource[x] StringEquals 'y'", conditionVersion: "2.0", principalType: "User" };
    const refused = await ask("PUT", assignment(group), reads(crypto.randomUUID(), strange));
    expect(codeOf(refused)).toEqual([400, "InvalidRoleAssignmentCondition"]);
  });

  test("of a custom role stays within the role's scopes", async () => {
    const id = definition();
    const permissions = [{ actions: ["Microsoft.Network/dnszones/read"] }];
    await ask("PUT", id, { properties: { roleName: "narrow", assignableScopes: [group], permissions } });
    const whom = reads(crypto.randomUUID(), { roleDefinitionId: id, principalType: "User" });
    expect(codeOf(await ask("PUT", assignment(whole), whom))[0]).toBe(400);
    expect((await ask("PUT", assignment(group), whom)).status).toBe(201);
  });
});
