import { beforeEach, describe, expect, test } from "bun:test";
import { subjectsOf } from "#lib/fleet/github.ts";
import { conditionOf, githubProvider, jobMembers, workloadIdentityPool } from "#lib/gcp/federation.ts";
import { customRole } from "#lib/gcp/role.ts";
import { serviceAccount } from "#lib/gcp/service-account.ts";
import { services } from "#lib/gcp/services.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type GcpMemory, gcpError, gcpMemory, gcpWorld, testAccount, testActor } from "#tests/support/gcp-memory.ts";

const mark = "k8s-multicluster-gitops, fleet mylabs.test";
const row = { kind: "account", name: "gcp-01", group: "gcp" } as const;
const described = { id: "it", title: "gcp-01: it", label: "it", row, needs: [], actor: testActor, mark };
const github = {
  repository: "owner/name",
  repositoryId: "1",
  ownerId: "2",
  claims: ["ref:refs/heads/main"],
  readClaims: ["pull_request"],
};
const pool = "projects/test-01/locations/global/workloadIdentityPools/k8s-multicluster-gitops";
const role = customRole({
  ...described,
  name: "r",
  permissions: { title: "R", permissions: ["dns.changes.get", "dns.changes.create"] },
});
const account = serviceAccount({ ...described, name: "worker", displayName: "Worker" });
const email = "projects/test-01/serviceAccounts/worker@test-01.iam.gserviceaccount.com";

let memory: GcpMemory;
beforeEach(() => {
  memory = gcpMemory();
});

describe.each([
  ["a service account", account, email, { displayName: "Worker", description: mark }],
  ["a custom role", role, "projects/test-01/roles/r", { title: "R", stage: "GA" }],
  ["a pool", workloadIdentityPool(described), pool, { displayName: "k8s-multicluster-gitops", disabled: false }],
  [
    "a provider",
    githubProvider({ ...described, github }),
    `${pool}/providers/github`,
    { displayName: "GitHub Actions" },
  ],
] as const)("%s", (_, resource, path, wanted) => {
  test("is created once, repaired, and deleted", async () => {
    const { world, outputs } = gcpWorld(memory);
    expect(await resource.observe(world, outputs)).toEqual({ kind: "absent" });
    const state = await resource.ensure(world, { kind: "absent" }, outputs);
    expect(state).toMatchObject(wanted);
    await resource.ensure(world, { kind: "present", state }, outputs);
    expect(memory.calls).toHaveLength(1);

    memory.documents.set(path, { ...state, [Object.keys(wanted)[0] ?? ""]: "drift" });
    const drifted = await resource.observe(world, outputs);
    if (drifted.kind !== "present") throw new Error(drifted.kind);
    expect(resource.diff(drifted.state, outputs)).toMatchObject([{ from: "drift", effect: "in-place" }]);
    expect(await resource.ensure(world, drifted, outputs)).toMatchObject(wanted);

    await resource.remove(world, { kind: "present", state }, outputs);
    expect(await resource.observe(world, outputs)).toEqual({ kind: "absent" });
    expect(memory.calls.map((call) => call.split(" ")[0])).toEqual(["POST", "PATCH", "DELETE"]);
  });

  test("of others is neither changed nor deleted", async () => {
    memory.documents.set(path, { description: "theirs" });
    const { world, outputs } = gcpWorld(memory);
    expect((await resource.observe(world, outputs)).kind).toBe("foreign");
    for (const attempt of [resource.ensure, resource.remove]) {
      expect((await failureOf(attempt(world, { kind: "absent" }, outputs))).code).toBe("ForeignResource");
    }
    expect(memory.calls).toEqual([]);
  });

  test("that another run creates at the same time is taken as it is", async () => {
    const { world, outputs } = gcpWorld(memory);
    memory.onCall = (call) => {
      if (call.startsWith("POST")) memory.documents.set(path, { ...created, description: mark });
    };
    const other = gcpMemory();
    const created = await resource.ensure(gcpWorld(other).world, { kind: "absent" }, outputs);
    expect(await resource.ensure(world, { kind: "absent" }, outputs)).toMatchObject(wanted);
    expect(memory.calls).toHaveLength(1);
  });
});

test.each([
  ["role", role, "projects/test-01/roles/r"],
  ["pool", workloadIdentityPool(described), pool],
  ["provider", githubProvider({ ...described, github }), `${pool}/providers/github`],
] as const)("a %s that was deleted yesterday is restored and brought up to date", async (_, resource, path) => {
  const { world, outputs, said } = gcpWorld(memory);
  memory.documents.set(path, { description: mark, state: "DELETED", deleted: true, etag: "e" });
  expect(await resource.observe(world, outputs)).toEqual({ kind: "absent" });
  await resource.ensure(world, { kind: "absent" }, outputs);
  expect(memory.calls.map((call) => call.replace(/^.*:/, ":").split(" ")[0])).toEqual([":undelete", "PATCH"]);
  expect(said[0]).toContain("it was deleted some days ago");
});

test("jobs are let in by the ids of their repository and owner, with claims of both forms, and by nothing else", () => {
  expect(conditionOf(github)).toBe(
    "assertion.repository_id == '1' && assertion.repository_owner_id == '2' && assertion.sub in " +
      "['repo:owner/name:ref:refs/heads/main', 'repo:owner@2/name@1:ref:refs/heads/main', " +
      "'repo:owner/name:pull_request', 'repo:owner@2/name@1:pull_request']",
  );
  expect(jobMembers(testAccount, subjectsOf(github))[1]).toBe(
    "principalSet://iam.googleapis.com/projects/222222222222/locations/global/workloadIdentityPools/" +
      "k8s-multicluster-gitops/attribute.sub/repo:owner@2/name@1:ref:refs/heads/main",
  );
});

describe("APIs of a project", () => {
  const names = Array.from({ length: 23 }, (_, index) => `api${index}`);
  const resource = services({ ...described, services: names });
  const isOn = new Set(["api0.googleapis.com", "other.googleapis.com"]);

  test("are enabled twenty at once, and stay", async () => {
    const { world, outputs, changedAccess } = gcpWorld(memory);
    memory.answers.set("LIST v1/projects/test-01/services", () => ({
      services: [...isOn].map((name) => ({ name: `projects/222222222222/services/${name}` })),
    }));
    const asked: number[] = [];
    memory.answers.set(":batchEnable", ({ serviceIds }) => {
      const ids = (serviceIds as readonly string[]).map(String);
      asked.push(ids.length);
      for (const id of ids) isOn.add(id);
      return { name: "operations/1" };
    });
    memory.documents.set("operations/1", { done: true });
    const observed = await resource.observe(world, outputs);
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(resource.diff(observed.state, outputs)).toHaveLength(22);
    const state = await resource.ensure(world, observed, outputs);
    expect([asked, resource.diff(state, outputs), changedAccess]).toEqual([[20, 2], [], ["gcp-01"]]);
    expect((await resource.remove(world, observed, outputs)).kind).toBe("kept");
  });

  test("cannot be enabled while the API for it is off: the error says what to do by hand", async () => {
    const { world, outputs } = gcpWorld(memory);
    memory.onCall = () => {
      throw gcpError(403, "PERMISSION_DENIED", "Service Usage API has not been used", ["SERVICE_DISABLED"]);
    };
    const error = await failureOf(resource.observe(world, outputs));
    expect([error.code, error.hint]).toEqual([
      "GcpApiDisabled",
      "enable it once by hand: gcloud services enable serviceusage.googleapis.com cloudresourcemanager.googleapis.com --project test-01",
    ]);
  });
});
