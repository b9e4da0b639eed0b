import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import { createClusterPool } from "#sandbox/gcp/iam/federations.ts";
import { isSameEtag } from "#sandbox/gcp/iam/state.ts";
import {
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

const day = 86_400_000;
const project = tenant.projectId;

let gcp: TestGcp;
beforeEach(() => {
  gcp = openTestGcp();
});
afterEach(() => gcp.close());

const ask = (method: string, asked: Parameters<typeof call>[3] = {}) => call(gcp.cloud, method, project, asked);
const refused = (method: string, asked: Parameters<typeof call>[3] = {}) => refusalOf(() => ask(method, asked));

test("etags are compared as bytes: gcloud sends them back in the alphabet for URLs", () => {
  expect(isSameEtag("+/+/+/+/+/8=", "-_-_-_-_-_8=")).toBe(true);
  expect(isSameEtag("+/+/+/+/+/8=", "+/+/+/+/+/A=")).toBe(false);
});

describe("a service account", () => {
  const accounts = "iam.projects.serviceAccounts";
  const email = `k8s-multicluster-gitops@${project}.iam.gserviceaccount.com`;
  const params = { serviceAccountsId: email };
  const create = () =>
    ask(`${accounts}.create`, {
      body: { accountId: "k8s-multicluster-gitops", serviceAccount: { displayName: "Fleet", description: "ours" } },
    });

  test("is created, read, changed and deleted with the answers that were recorded", async () => {
    const created = await create();
    expect(created).toEqual({
      name: `projects/${project}/serviceAccounts/${email}`,
      projectId: project,
      uniqueId: expect.stringMatching(/^1\d{20}$/),
      email,
      displayName: "Fleet",
      description: "ours",
      etag: expect.stringMatching(/^[\w+/]{11}=$/),
      oauth2ClientId: created.uniqueId,
    });
    expect(await ask(`${accounts}.get`, { params })).toEqual(created);
    expect(await ask(`${accounts}.get`, { params: { serviceAccountsId: String(created.uniqueId) } })).toEqual(created);
    expect(await ask(`${accounts}.list`)).toEqual({ accounts: [created] });
    expect(
      await ask(`${accounts}.patch`, {
        params,
        body: { serviceAccount: { displayName: "Ours", etag: created.etag }, updateMask: "display_name" },
      }),
    ).toEqual({ name: created.name, displayName: "Ours" });
    expect(await ask(`${accounts}.get`, { params })).toMatchObject({ displayName: "Ours", description: "ours" });
    expect(await ask(`${accounts}.delete`, { params })).toEqual({});
    expect(await refused(`${accounts}.get`, { params })).toEqual({
      status: 404,
      code: "NOT_FOUND",
      message: "Unknown service account",
    });
  });

  test("that is missing is denied when the project is left open", async () => {
    const params = { projectsId: "-", serviceAccountsId: `nobody@${project}.iam.gserviceaccount.com` };
    expect(await refused(`${accounts}.get`, { params })).toMatchObject({ status: 403, code: "PERMISSION_DENIED" });
  });

  test("is refused twice, with a wrong id, and for a change of what has changed", async () => {
    await create();
    expect(await refusalOf(create)).toEqual({
      status: 409,
      code: "ALREADY_EXISTS",
      message: `Service account k8s-multicluster-gitops already exists within project projects/${project}.`,
    });
    for (const accountId of ["short", "Upper-Case", "-hyphen", "x".repeat(31), ""]) {
      expect(await refused(`${accounts}.create`, { body: { accountId } })).toMatchObject({ status: 400 });
    }
    const body = { serviceAccount: { displayName: "x", etag: "AAAAAAAAAAA=" }, updateMask: "displayName" };
    expect(await refused(`${accounts}.patch`, { params, body })).toMatchObject({ status: 409, code: "ABORTED" });
    const other = { serviceAccount: { displayName: "x" }, updateMask: "email" };
    expect(await refused(`${accounts}.patch`, { params, body: other })).toMatchObject({ status: 400 });
  });

  test("is known to policies after some seconds, and leaves a deleted member behind", async () => {
    const { uniqueId } = await create();
    const binding = { role: "roles/dns.admin", members: [`serviceAccount:${email}`] };
    const set = () =>
      ask("cloudresourcemanager.projects.setIamPolicy", { body: { policy: { bindings: [owner, binding] } } });
    expect(await refusalOf(set)).toEqual({
      status: 400,
      code: "INVALID_ARGUMENT",
      message: `Service account ${email} does not exist.`,
    });
    gcp.advance(8_000);
    await set();
    await ask(`${accounts}.delete`, { params });
    const deleted = { role: "roles/dns.admin", members: [`deleted:serviceAccount:${email}?uid=${uniqueId}`] };
    expect((await ask("cloudresourcemanager.projects.getIamPolicy")).bindings).toEqual([deleted, owner]);
    // The deleted member may be written back; the old name may not.
    await ask("cloudresourcemanager.projects.setIamPolicy", { body: { policy: { bindings: [owner, deleted] } } });
    expect(await refusalOf(set)).toMatchObject({ status: 400 });
  });
});

const owner = { role: "roles/owner", members: ["user:administrator@example.com"] };

describe("a policy", () => {
  const [get, set] = ["cloudresourcemanager.projects.getIamPolicy", "cloudresourcemanager.projects.setIamPolicy"];
  const write = (policy: Json) => ask(set, { body: { policy } });
  const viewer = { role: "roles/viewer", members: ["group:operators@example.com"] };
  const conditional = {
    ...viewer,
    condition: { title: "until", expression: 'request.time < timestamp("2030-01-01T00:00:00Z")' },
  };

  test("of a project begins with its owner, and one of an account with nothing", async () => {
    expect(await ask(get)).toEqual({ version: 1, etag: expect.any(String), bindings: [owner] });
    const serviceAccountsId = await createAccount(gcp, tenant, "accounts");
    const params = { serviceAccountsId };
    expect(await ask("iam.projects.serviceAccounts.getIamPolicy", { params })).toEqual({ etag: "ACAB" });
  });

  test("is written by one of two that have read it", async () => {
    const { etag } = await ask(get);
    const written = await write({ etag, bindings: [owner, viewer] });
    expect(written).toEqual({ version: 1, etag: expect.any(String), bindings: [owner, viewer] });
    expect(written.etag).not.toBe(etag);
    expect(await refusalOf(() => write({ etag, bindings: [owner] }))).toEqual({
      status: 409,
      code: "ABORTED",
      message:
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
    });
    // Nothing is compared without an etag.
    await write({ bindings: [owner] });
  });

  test("merges bindings of a role, and leaves out empty ones", async () => {
    const { bindings } = await write({
      bindings: [owner, { role: "roles/viewer", members: ["user:b@example.com"] }, viewer, { role: "roles/dns.admin" }],
    });
    expect(bindings).toEqual([
      owner,
      { role: "roles/viewer", members: ["group:operators@example.com", "user:b@example.com"] },
    ]);
  });

  test("keeps conditions from clients that do not know them", async () => {
    await write({ version: 3, bindings: [owner, conditional] });
    const asked3 = { body: { options: { requestedPolicyVersion: 3 } } };
    const { etag } = await ask(get, asked3);
    expect(await ask(get, asked3)).toEqual({ version: 3, etag, bindings: [owner, conditional] });
    const { bindings } = await ask(get);
    expect(bindings).toEqual([owner, { ...viewer, role: expect.stringMatching(/^roles\/viewer_withcond_\w{20}$/) }]);
    for (const policy of [
      { etag, bindings: [owner, viewer] },
      { etag, version: 1, bindings: [owner] },
      { version: 1, bindings: [conditional] },
      { version: 3, bindings: bindings as readonly Json[] },
      { version: 2, bindings: [owner] },
    ]) {
      expect(await refusalOf(() => write(policy))).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
    await write({ etag, version: 3, bindings: [owner, conditional, viewer] });
  });

  const pool = `iam.googleapis.com/projects/${tenant.number}/locations/global/workloadIdentityPools`;
  test.each([
    ["a role that is not known", { role: "roles/dns.amdin", members: [] }, "Role roles/dns.amdin is not supported"],
    ["a custom role that is not there", { role: `projects/${project}/roles/x`, members: [] }, "is not supported"],
    ["a member without a kind", { role: "roles/viewer", members: ["a@example.com"] }, "Invalid member"],
    ["a person without a domain", { role: "roles/viewer", members: ["user:a"] }, "Invalid member"],
    [
      "an account that is not there",
      { role: "roles/viewer", members: [`serviceAccount:x@${project}.iam.gserviceaccount.com`] },
      "does not exist",
    ],
    [
      "the pool of clusters before there is one",
      { role: "roles/dns.admin", members: [`principal://${pool}/${project}.svc.id.goog/subject/ns/a/sa/b`] },
      `Identity Pool does not exist (${project}.svc.id.goog).`,
    ],
    [
      "a principal without a subject",
      { role: "roles/dns.admin", members: [`principal://${pool}/x`] },
      "Invalid member",
    ],
    [
      "a condition without an expression",
      { role: "roles/viewer", members: [], condition: { title: "x" } },
      "needs a title and an expression",
    ],
  ])("is refused with %s", async (_, binding, message) => {
    const refusal = await refusalOf(() => write({ version: 3, bindings: [owner, binding] }));
    expect(refusal).toMatchObject({ status: 400, message: expect.stringContaining(message) });
  });

  test("names accounts of other projects, people, groups, and pods once there was a cluster", async () => {
    createClusterPool(gcp.cloud, project);
    const members = [
      "serviceAccount:x@another-project.iam.gserviceaccount.com",
      "user:a@example.com",
      "group:g@example.com",
      "domain:example.com",
      "allAuthenticatedUsers",
      `principal://${pool}/${project}.svc.id.goog/subject/ns/external-dns/sa/external-dns`,
      `principalSet://${pool}/${project}.svc.id.goog/namespace/external-dns`,
    ].sort();
    const { bindings } = await write({ bindings: [owner, { role: "roles/dns.reader", members }] });
    expect(bindings).toEqual([{ role: "roles/dns.reader", members }, owner]);
  });

  test("tells which permissions a caller has", async () => {
    const as = serviceAccount(await createAccount(gcp, tenant, "reader"));
    await grant(gcp, `projects/${project}`, "roles/dns.reader", as.members[0] ?? "");
    const permissions = ["dns.managedZones.get", "dns.managedZones.create", "resourcemanager.projects.get"];
    const test = "cloudresourcemanager.projects.testIamPermissions";
    expect(await ask(test, { as, body: { permissions } })).toEqual({ permissions: [permissions[0], permissions[2]] });
    expect(await refused(test, { as, body: { permissions: ["dns.zones.get"] } })).toMatchObject({ status: 400 });
  });
});

describe("a custom role", () => {
  const roles = "iam.projects.roles";
  const name = `projects/${project}/roles/k8sMulticlusterGitops`;
  const params = { rolesId: "k8sMulticlusterGitops" };
  const role = { title: "Fleet", includedPermissions: ["iam.roles.list", "iam.roles.get"] };
  const create = (roleId = "k8sMulticlusterGitops") => ask(`${roles}.create`, { body: { roleId, role } });

  test("is created, read, listed and changed", async () => {
    const created = await create();
    expect(created).toEqual({
      name,
      title: "Fleet",
      includedPermissions: ["iam.roles.get", "iam.roles.list"],
      etag: expect.any(String),
    });
    expect(await ask(`${roles}.get`, { params })).toEqual(created);
    const { includedPermissions, ...basic } = created;
    expect(await ask(`${roles}.list`)).toEqual({ roles: [basic] });
    expect(await ask(`${roles}.list`, { query: { view: "FULL" } })).toEqual({ roles: [created] });
    const changed = await ask(`${roles}.patch`, {
      params,
      query: { updateMask: "includedPermissions" },
      body: { includedPermissions: ["iam.roles.create"], title: "not in the mask", etag: created.etag },
    });
    expect(changed).toMatchObject({ title: "Fleet", includedPermissions: ["iam.roles.create"] });
    expect(changed.etag).not.toBe(created.etag);
    expect(
      await refused(`${roles}.patch`, {
        params,
        query: { updateMask: "title" },
        body: { title: "x", etag: created.etag },
      }),
    ).toMatchObject({ status: 409, code: "ABORTED" });
  });

  test.each([
    ["dns.managedZones.*", false],
    ["dns.zones.create", false],
    ["resourcemanager.projects.list", false],
    ["iam.workloadIdentityPools.create", true],
    ["iam.googleapis.com/workloadIdentityPools.create", true],
    ["iam.serviceAccounts.actAs", true],
  ])("takes the permission %s: %p", async (permission, isTaken) => {
    const attempt = () =>
      ask(`${roles}.create`, { body: { roleId: "role", role: { includedPermissions: [permission] } } });
    if (isTaken) expect(await attempt()).toMatchObject({ includedPermissions: [permission] });
    else {
      expect(await refusalOf(attempt)).toEqual({
        status: 400,
        code: "INVALID_ARGUMENT",
        message: `Permission ${permission} is not valid.`,
      });
    }
  });

  test("keeps its id for 37 days after it is deleted, and comes back within 7", async () => {
    await create();
    expect(await refusalOf(create)).toMatchObject({ status: 409, code: "ALREADY_EXISTS" });
    expect(await ask(`${roles}.delete`, { params })).toMatchObject({ name, deleted: true });
    expect(await ask(`${roles}.get`, { params })).toMatchObject({ name, deleted: true });
    expect(await ask(`${roles}.list`)).toEqual({});
    expect(await ask(`${roles}.list`, { query: { showDeleted: "true" } })).toMatchObject({
      roles: [{ deleted: true }],
    });
    expect(await refusalOf(create)).toEqual({
      status: 400,
      code: "FAILED_PRECONDITION",
      message: "You can't create a role_id (k8sMulticlusterGitops) which has been marked for deletion.",
    });
    const patch = { params, query: { updateMask: "title" }, body: { title: "x" } };
    expect(await refused(`${roles}.patch`, patch)).toMatchObject({ code: "FAILED_PRECONDITION" });
    expect(await ask(`${roles}.undelete`, { params })).not.toHaveProperty("deleted");
    expect(await refused(`${roles}.undelete`, { params })).toMatchObject({ code: "FAILED_PRECONDITION" });
    await ask(`${roles}.delete`, { params });
    gcp.advance(8 * day);
    expect(await refused(`${roles}.undelete`, { params })).toMatchObject({ code: "FAILED_PRECONDITION" });
    gcp.advance(30 * day);
    expect(await refused(`${roles}.get`, { params })).toMatchObject({
      status: 404,
      message: `The role named ${name} was not found.`,
    });
    await create();
  });

  test("has an id of 3 to 64 characters", async () => {
    for (const roleId of ["ab", "with-hyphen", "x".repeat(65)]) {
      expect(await refusalOf(() => create(roleId))).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
  });
});

describe("workload identity pools and providers", () => {
  const prefix = "iam.projects.locations.workloadIdentityPools";
  const pools = `projects/${mgmt.number}/locations/global/workloadIdentityPools`;
  const inGlobal = { locationsId: "global" };
  const inPool = { ...inGlobal, workloadIdentityPoolsId: "fleet" };
  const ofProvider = { ...inPool, providersId: "github" };
  const at = (method: string, asked: Parameters<typeof call>[3] = {}) => call(gcp.cloud, method, mgmt.projectId, asked);
  const github = {
    attributeMapping: { "google.subject": "assertion.sub" },
    attributeCondition: "assertion.repository_id == '1'",
    oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
  };
  const createPool = (workloadIdentityPoolId = "fleet") =>
    at(`${prefix}.create`, { params: inGlobal, query: { workloadIdentityPoolId }, body: { displayName: "Fleet" } });
  const createProvider = (body: Json = github) =>
    at(`${prefix}.providers.create`, { params: inPool, query: { workloadIdentityPoolProviderId: "github" }, body });

  test("are created by operations, and come back with the project's number", async () => {
    const { name, ...operation } = await createPool();
    expect(operation).toEqual({});
    expect(name).toMatch(new RegExp(`^${pools}/fleet/operations/\\w+$`));
    const params = { ...inPool, operationsId: String(name).split("/").at(-1) ?? "" };
    expect(await at(`${prefix}.operations.get`, { params })).toEqual({ name });
    gcp.advance(6_000);
    expect(await at(`${prefix}.operations.get`, { params })).toEqual({ name, done: true });
    await createProvider();
    const pool = { name: `${pools}/fleet`, displayName: "Fleet", state: "ACTIVE" };
    const provider = { ...github, name: `${pools}/fleet/providers/github`, state: "ACTIVE" };
    expect(await at(`${prefix}.get`, { params: inPool })).toEqual(pool);
    expect(await at(`${prefix}.list`, { params: inGlobal })).toEqual({ workloadIdentityPools: [pool] });
    expect(await at(`${prefix}.providers.get`, { params: ofProvider })).toEqual(provider);
    expect(await at(`${prefix}.providers.list`, { params: inPool })).toEqual({
      workloadIdentityPoolProviders: [provider],
    });
  });

  test("keep their names for thirty days after they are deleted", async () => {
    await createPool();
    await createProvider();
    for (const [path, params, create] of [
      [`${prefix}.providers`, ofProvider, () => createProvider()],
      [prefix, inPool, () => createPool()],
    ] as const) {
      await at(`${path}.delete`, { params });
      expect(await at(`${path}.get`, { params })).toMatchObject({ state: "DELETED", expireTime: expect.any(String) });
      expect(await refusalOf(create)).toMatchObject({ status: 409, code: "ALREADY_EXISTS" });
      const patch = { params, query: { updateMask: "disabled" }, body: { disabled: true } };
      expect(await refusalOf(() => at(`${path}.patch`, patch))).toMatchObject({ code: "FAILED_PRECONDITION" });
      await at(`${path}.undelete`, { params });
      expect(await refusalOf(() => at(`${path}.undelete`, { params }))).toMatchObject({ code: "FAILED_PRECONDITION" });
      expect(await at(`${path}.get`, { params })).toMatchObject({ state: "ACTIVE" });
    }
    await at(`${prefix}.delete`, { params: inPool });
    expect(await at(`${prefix}.list`, { params: inGlobal })).toEqual({});
    expect(await at(`${prefix}.list`, { params: inGlobal, query: { showDeleted: "true" } })).toMatchObject({
      workloadIdentityPools: [{ state: "DELETED" }],
    });
    gcp.advance(31 * day);
    expect(await refusalOf(() => at(`${prefix}.get`, { params: inPool }))).toEqual({
      status: 404,
      code: "NOT_FOUND",
      message: "Requested entity was not found.",
    });
    await createPool();
  });

  test("are changed in the fields of a mask", async () => {
    await createPool();
    await createProvider();
    const patch = (updateMask: string, body: Json) =>
      at(`${prefix}.providers.patch`, { params: ofProvider, query: { updateMask }, body });
    await patch("oidc.allowedAudiences,displayName", { oidc: { allowedAudiences: ["a"] }, displayName: "GitHub" });
    expect(await at(`${prefix}.providers.get`, { params: ofProvider })).toMatchObject({
      ...github,
      displayName: "GitHub",
      oidc: { ...github.oidc, allowedAudiences: ["a"] },
    });
    await patch("displayName", {});
    expect(await at(`${prefix}.providers.get`, { params: ofProvider })).not.toHaveProperty("displayName");
    for (const [mask, body] of [
      ["attributeCondition", { attributeCondition: "assertion.ref ==" }],
      ["attributeMapping", { attributeMapping: { "attribute.ref": "assertion.ref" } }],
      ["state", {}],
      ["", { displayName: "x" }],
    ] as const) {
      expect(await refusalOf(() => patch(mask, body))).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
  });

  test.each([
    ["no subject", { attributeMapping: { "attribute.ref": "assertion.ref" } }, 400, "must map google.subject"],
    ["an unknown target", { attributeMapping: { ...github.attributeMapping, subject: "'x'" } }, 400, '"subject"'],
    [
      "a mapping of attributes",
      { attributeMapping: { "google.subject": "attribute.x" } },
      400,
      'unexpected "attribute"',
    ],
    [
      "CEL that is not known",
      { attributeMapping: { "google.subject": "assertion.sub.split(':')[1]" } },
      400,
      "does not know",
    ],
    ["no condition for GitHub", { attributeCondition: "" }, 400, "must reference one of the provider's claims"],
    ["a condition without claims", { attributeCondition: "true" }, 400, "must reference one of the provider's claims"],
    ["an attribute that is not mapped", { attributeCondition: "attribute.x == 'y'" }, 400, "attribute.x is not in the"],
    ["http", { oidc: { issuerUri: "http://token.example.com" } }, 400, "https URL"],
    ["SAML", { saml: { idpMetadataXml: "<x/>" } }, 501, "does not know the field saml"],
  ] as const)("refuse a provider with %s", async (_, fields, status, message) => {
    await createPool();
    expect(await refusalOf(() => createProvider({ ...github, ...fields }))).toMatchObject({
      status,
      message: expect.stringContaining(message),
    });
  });

  test("have ids that are not Google's own, and a place", async () => {
    for (const id of ["abc", "gcp-fleet", "Upper", "x".repeat(33), ""]) {
      expect(await refusalOf(() => createPool(id))).toMatchObject({ status: 400, code: "INVALID_ARGUMENT" });
    }
    expect(await refusalOf(() => createProvider())).toMatchObject({ status: 404 });
    const elsewhere = { params: { locationsId: "us-east1" }, query: { workloadIdentityPoolId: "fleet" } };
    expect(await refusalOf(() => at(`${prefix}.create`, elsewhere))).toMatchObject({ status: 400 });
  });

  test("leave the pool of clusters to GKE", async () => {
    createClusterPool(gcp.cloud, mgmt.projectId);
    const params = { ...inGlobal, workloadIdentityPoolsId: `${mgmt.projectId}.svc.id.goog` };
    expect(await refusalOf(() => at(`${prefix}.delete`, { params }))).toMatchObject({ code: "FAILED_PRECONDITION" });
    expect(await at(`${prefix}.list`, { params: inGlobal })).toEqual({});
  });
});
