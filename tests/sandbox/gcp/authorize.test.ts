import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { methods as known } from "#sandbox/gcp/api/methods.ts";
import { type AskedPermission, authorizationOperations } from "#sandbox/gcp/authorization/asked.ts";
import { authorize, authorizeCall, isAuthorized } from "#sandbox/gcp/authorization/authorize.ts";
import methods from "#sandbox/gcp/authorization/methods.json";
import { knownPermissions } from "#sandbox/gcp/authorization/permissions.ts";
import { predefinedRoles } from "#sandbox/gcp/authorization/roles.ts";
import { behaviours } from "#sandbox/gcp/behaviours.ts";
import type { Caller } from "#sandbox/gcp/cloud.ts";
import {
  administrator,
  call,
  createAccount,
  grant,
  mgmt,
  openTestGcp,
  refusalOf,
  serviceAccount,
  type TestGcp,
  tenant,
} from "#tests/sandbox/gcp/test-cloud.ts";

const whole = `projects/${tenant.projectId}`;
const zone = `${whole}/managedZones/k01-k8s-gcp-mylabs-dev`;
const cluster = `${whole}/locations/us-east1/clusters/k01-k8s-gcp-mylabs-dev`;
const customRole = `${whole}/roles/k8sMulticlusterGitops`;

let gcp: TestGcp;
let email: string;
beforeAll(async () => {
  gcp = openTestGcp();
  email = await createAccount(gcp, tenant, "k8s-multicluster-gitops");
  const role = {
    includedPermissions: ["dns.managedZones.create", "iam.googleapis.com/workloadIdentityPools.get"],
  };
  await call(gcp.cloud, "iam.projects.roles.create", tenant.projectId, {
    body: { roleId: "k8sMulticlusterGitops", role },
  });
});
afterAll(() => gcp.close());

let people = 0;
/** A person with one role. */
async function holder(role: string, resource = whole): Promise<Caller> {
  people += 1;
  const member = `user:person-${people}@example.com`;
  await grant(gcp, resource, role, member);
  return { ...administrator, name: member, members: [member] };
}

describe("a role", () => {
  test.each([
    ["roles/owner", "resourcemanager.projects.setIamPolicy", whole, true],
    ["roles/owner", "dns.managedZones.setIamPolicy", zone, true],
    ["roles/owner", "iam.serviceAccounts.getAccessToken", whole, false],
    ["roles/owner", "container.clusters.create", cluster, true],
    ["roles/viewer", "container.clusters.get", cluster, true],
    ["roles/viewer", "container.clusters.create", cluster, false],
    ["roles/viewer", "container.secrets.get", cluster, false],
    ["roles/viewer", "iam.workloadIdentityPools.get", whole, true],
    ["roles/viewer", "resourcemanager.projects.getIamPolicy", whole, true],
    ["roles/dns.admin", "dns.resourceRecordSets.update", zone, true],
    ["roles/dns.admin", "dns.managedZones.getIamPolicy", zone, true],
    ["roles/dns.admin", "dns.managedZones.setIamPolicy", zone, false],
    ["roles/dns.admin", "container.clusters.list", whole, false],
    ["roles/dns.reader", "dns.changes.list", zone, true],
    ["roles/dns.reader", "dns.changes.create", zone, false],
    ["roles/dns.reader", "dns.managedZones.getIamPolicy", zone, false],
    ["roles/container.admin", "container.clusterRoleBindings.create", cluster, true],
    ["roles/container.admin", "iam.serviceAccounts.actAs", whole, false],
    ["roles/container.clusterAdmin", "container.clusterRoleBindings.create", cluster, false],
    ["roles/container.clusterViewer", "container.clusters.connect", cluster, true],
    ["roles/container.clusterViewer", "container.pods.get", cluster, false],
    ["roles/iam.serviceAccountTokenCreator", "iam.serviceAccounts.getAccessToken", whole, true],
    ["roles/iam.workloadIdentityUser", "iam.serviceAccounts.getAccessToken", whole, true],
    ["roles/iam.workloadIdentityUser", "iam.serviceAccounts.actAs", whole, false],
    [customRole, "dns.managedZones.create", whole, true],
    [customRole, "dns.managedZones.delete", zone, false],
    [customRole, "iam.workloadIdentityPools.get", whole, true],
  ])("%s: %s on %s: %p", async (role, permission, resource, isAllowed) => {
    expect(isAuthorized(gcp.cloud, await holder(role), permission, resource)).toBe(isAllowed);
  });

  test("counts in its resource only", async () => {
    const account = `${whole}/serviceAccounts/${email}`;
    const caller = await holder("roles/iam.serviceAccountTokenCreator", account);
    const may = (resource: string) => isAuthorized(gcp.cloud, caller, "iam.serviceAccounts.getAccessToken", resource);
    expect([account, whole, `${account}.evil`, `projects/${mgmt.projectId}`].map(may)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test("counts a minute after it is granted, and not after it is taken away", async () => {
    const member = "user:late@example.com";
    const late = { ...administrator, members: [member] };
    const may = () => isAuthorized(gcp.cloud, late, "dns.managedZones.list", whole);
    const { bindings = [] } = await call(gcp.cloud, "cloudresourcemanager.projects.getIamPolicy", tenant.projectId, {
      body: { options: { requestedPolicyVersion: 3 } },
    });
    const set = (more: readonly object[]) =>
      call(gcp.cloud, "cloudresourcemanager.projects.setIamPolicy", tenant.projectId, {
        body: { policy: { version: 3, bindings: [...(bindings as readonly object[]), ...more] } },
      });
    const added = [{ role: "roles/dns.reader", members: [member] }];
    await set(added);
    expect(may()).toBe(false);
    gcp.advance(59_000);
    // Writing the same again does not begin the time again.
    await set(added);
    expect(may()).toBe(false);
    gcp.advance(2_000);
    expect(may()).toBe(true);
    await set([]);
    expect(may()).toBe(false);
  });

  test("of a deleted custom role grants nothing until it is undeleted", async () => {
    const roles = tenant.projectId;
    await call(gcp.cloud, "iam.projects.roles.create", roles, {
      body: { roleId: "short_lived", role: { includedPermissions: ["dns.projects.get"] } },
    });
    const caller = await holder(`projects/${roles}/roles/short_lived`);
    const may = () => isAuthorized(gcp.cloud, caller, "dns.projects.get", whole);
    expect(may()).toBe(true);
    const params = { rolesId: "short_lived" };
    await call(gcp.cloud, "iam.projects.roles.delete", roles, { params });
    expect(may()).toBe(false);
    await call(gcp.cloud, "iam.projects.roles.undelete", roles, { params });
    expect(may()).toBe(true);
  });

  test("holds permissions that exist", () => {
    for (const { name, permissions } of predefinedRoles) {
      expect([name, permissions.size > 0]).toEqual([name, true]);
      for (const permission of permissions) expect(knownPermissions).toContain(permission);
    }
  });
});

describe("a refusal is in the words of its service", () => {
  const nobody = serviceAccount("nobody@example-01.iam.gserviceaccount.com");
  test.each([
    ["dns.managedZones.create", "Forbidden"],
    ["container.clusters.create", `Required "container.clusters.create" permission(s) for "${whole}".`],
    ["iam.roles.create", "Permission 'iam.roles.create' denied on resource (or it may not exist)."],
    ["resourcemanager.projects.get", "The caller does not have permission"],
  ])("%s: %s", async (permission, message) => {
    expect(await refusalOf(() => authorize(gcp.cloud, nobody, permission, whole))).toEqual({
      status: 403,
      code: "PERMISSION_DENIED",
      message,
    });
  });
});

describe("a call", () => {
  const asked = (method: string, caller: Caller, body: object = {}) => ({
    cloud: gcp.cloud,
    method,
    caller,
    project: tenant,
    params: { managedZone: "k01-k8s-gcp-mylabs-dev" },
    query: new URLSearchParams(),
    body: { ...body },
    endpoint: "",
  });
  const scope = (name: string) => ({ ...administrator, scopes: [`https://www.googleapis.com/auth/${name}`] });

  test.each([
    ["dns.managedZones.get", "cloud-platform", undefined],
    ["dns.managedZones.get", "ndev.clouddns.readwrite", undefined],
    ["dns.managedZones.get", "userinfo.email", 403],
    ["iam.projects.roles.list", "iam", undefined],
    ["iam.projects.roles.list", "ndev.clouddns.readwrite", 403],
    ["container.projects.locations.clusters.list", "iam", 403],
  ])("%s with the scope %s: %p", async (method, name, status) => {
    const ask = () => authorizeCall(asked(method, scope(name)));
    if (status === undefined) ask();
    else {
      expect(await refusalOf(ask)).toEqual({
        status,
        code: "PERMISSION_DENIED",
        message: "Request had insufficient authentication scopes.",
      });
    }
  });

  test("that changes a policy is limited to some roles by a condition on them", async () => {
    const member = "user:limited@example.com";
    const policies = "cloudresourcemanager.projects";
    const condition = {
      title: "only",
      expression: "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/dns.reader'])",
    };
    const limit = { role: "roles/resourcemanager.projectIamAdmin", members: [member], condition };
    const options = { body: { options: { requestedPolicyVersion: 3 } } };
    const policy = await call(gcp.cloud, `${policies}.getIamPolicy`, tenant.projectId, options);
    const before = [...(policy.bindings as readonly object[]), limit];
    const set = { ...policy, version: 3, bindings: before };
    await call(gcp.cloud, `${policies}.setIamPolicy`, tenant.projectId, { body: { policy: set } });
    gcp.advance(61_000);
    const limited = { ...administrator, members: [member] };
    const change = (bindings: readonly object[]) => () =>
      authorizeCall({ ...asked(`${policies}.setIamPolicy`, limited, { policy: { bindings } }), params: {} });
    const readers = { role: "roles/dns.reader", members: ["user:pod@example.com"] };
    change([...before, readers])();
    authorizeCall({ ...asked(`${policies}.getIamPolicy`, limited), params: {} });
    const owners = { role: "roles/owner", members: [member] };
    for (const bindings of [[...before, readers, owners], before.slice(1), before.slice(0, -1)]) {
      expect(await refusalOf(change(bindings))).toMatchObject({ status: 403 });
    }
  });

  test("that changes records needs the permission for each part", async () => {
    await call(gcp.cloud, "iam.projects.roles.create", tenant.projectId, {
      body: {
        roleId: "adder",
        role: { includedPermissions: ["dns.changes.create", "dns.resourceRecordSets.create"] },
      },
    });
    const adder = await holder(`${whole}/roles/adder`);
    const record = { name: "a.example.", type: "A" };
    authorizeCall(asked("dns.changes.create", adder, { additions: [record] }));
    for (const body of [
      { deletions: [record] },
      { additions: [record], deletions: [{ ...record, name: "A.example." }] },
    ]) {
      const refused = await refusalOf(() => authorizeCall(asked("dns.changes.create", adder, body)));
      expect(refused).toMatchObject({ status: 403, message: "Forbidden" });
    }
    authorizationOperations(gcp.cloud)["asked-permissions"]?.({}, "");
    const both = { additions: [record, { ...record, type: "AAAA" }], deletions: [record, { ...record, type: "TXT" }] };
    authorizeCall(asked("dns.changes.create", administrator, both));
    const taken = authorizationOperations(gcp.cloud)["asked-permissions"]?.({}, "") as {
      readonly asked: readonly AskedPermission[];
    };
    expect(taken.asked.map(({ permission }) => permission)).toEqual([
      "dns.changes.create",
      ...["create", "update", "delete"].map((verb) => `dns.resourceRecordSets.${verb}`),
    ]);
  });

  test("without a known permission is not implemented", async () => {
    expect(await refusalOf(() => authorizeCall(asked("dns.policies.list", administrator)))).toMatchObject({
      status: 501,
      message: expect.stringContaining("dns.policies.list"),
    });
  });

  test("has a permission for each behaviour, and each permission exists", () => {
    const permissions: Readonly<Record<string, string>> = methods;
    for (const method of Object.keys(methods)) expect(known.map(({ id }) => id)).toContain(method);
    for (const method of Object.keys(behaviours)) expect(permissions).toHaveProperty([method]);
    for (const permission of Object.values(permissions).flatMap((all) => all.split(" "))) {
      if (permission !== "") expect(knownPermissions).toContain(permission);
    }
  });
});
