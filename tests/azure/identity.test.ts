import { beforeEach, describe, expect, test } from "bun:test";
import {
  type FederatedCredential,
  federatedCredentials,
  githubCredentials,
  workloadCredential,
} from "#lib/azure/federated-credentials.ts";
import { identity, identityAzureId } from "#lib/azure/identity.ts";
import { subjectsOf } from "#lib/fleet/github.ts";
import { type ArmMemory, armMemory, azureError } from "#tests/support/arm-memory.ts";
import { azureWorld, bound, testAccount } from "#tests/support/azure-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const row = { kind: "account", name: "az-01", group: "azure" } as const;
const ours = { project: "k8s-multicluster-gitops", fleet: "mylabs.test" };
const place = [testAccount, "g", "jobs"] as const;
const made = identity({
  id: "identity",
  title: "az-01: identity",
  row,
  needs: [],
  account: testAccount,
  group: "g",
  name: "jobs",
  region: "eastus2",
  tags: ours,
});
const github = {
  repository: "owner/name",
  repositoryId: "1",
  ownerId: "2",
  claims: ["ref:refs/heads/main", "environment:production"],
};
const wanted = githubCredentials(subjectsOf(github));
const collection = `${identityAzureId(...place)}/federatedIdentityCredentials`;

let memory: ArmMemory;
beforeEach(() => {
  memory = armMemory();
  memory.adds.set("userassignedidentities", () => ({ properties: { principalId: "principal", clientId: "client" } }));
});

const stage = async (credentials: readonly FederatedCredential[] = wanted) => {
  const { world, outputs } = azureWorld(memory);
  const of = federatedCredentials({
    id: "credentials",
    title: "az-01: credentials",
    account: testAccount,
    identity: bound(made),
    credentials: () => credentials,
  });
  outputs.set(bound(made), await made.ensure(world, { kind: "absent" }, outputs));
  memory.calls.length = 0;
  const observe = () => of.observe(world, outputs);
  const diff = async () => {
    const observed = await observe();
    if (observed.kind !== "present") throw new Error(observed.kind);
    return of.diff(observed.state, outputs);
  };
  const ensure = async () => await of.ensure(world, await observe(), outputs);
  return { observe, diff, ensure, world, remove: async () => await of.remove(world, await observe(), outputs) };
};
const put = (name: string, { issuer, subject, audience }: FederatedCredential) =>
  memory.add(`${collection}/${name}`, { properties: { issuer, subject, audiences: [audience] } });
const writes = () => memory.calls.filter((call) => /^(put|remove)/.test(call)).map((call) => call.split(" ")[0]);

describe("an identity", () => {
  test("says who it is", async () => {
    const { world, outputs } = azureWorld(memory);
    const state = await made.ensure(world, { kind: "absent" }, outputs);
    expect(state).toMatchObject({ principalId: "principal", clientId: "client", location: "eastus2", tags: ours });
    expect(await made.observe(world, outputs)).toEqual({ kind: "present", state });
    expect(made.diff(state, outputs)).toEqual([]);
    // Another one in its place would have another client id.
    expect(made.diff({ ...state, location: "westus" }, outputs)).toEqual([]);
  });

  test("of whom Azure does not say who it is, is an error", async () => {
    memory.adds.clear();
    const { world, outputs } = azureWorld(memory);
    expect((await failureOf(made.ensure(world, { kind: "absent" }, outputs))).code).toBe("AzureFailed");
  });
});

describe("federated credentials", () => {
  test("are written one after the other, with both forms of GitHub's subjects, and then have no changes", async () => {
    const { observe, ensure, diff } = await stage();
    expect(await observe()).toEqual({ kind: "absent" });
    let atOnce = 0;
    const { put: write } = memory.arm;
    Object.assign(memory.arm, {
      put: async (...all: Parameters<typeof write>) => {
        expect(++atOnce).toBe(1);
        await Promise.resolve();
        atOnce--;
        return await write(...all);
      },
    });
    const { found } = await ensure();
    expect(found.map(({ subject }) => subject).toSorted()).toEqual([
      "repo:owner/name:environment:production",
      "repo:owner/name:ref:refs/heads/main",
      "repo:owner@2/name@1:environment:production",
      "repo:owner@2/name@1:ref:refs/heads/main",
    ]);
    expect(found.every(({ azureId }) => /\/[\w-]{3,120}$/.test(azureId))).toBe(true);
    expect(await diff()).toEqual([]);
    await ensure();
    expect(writes()).toEqual(["put", "put", "put", "put"]);
  });

  test("are known by issuer, subject and audience, not by name or case of an id", async () => {
    for (const [index, one] of wanted.entries()) put(`other-${index}`, one);
    expect(await (await stage()).diff()).toEqual([]);
  });

  test("that are not wanted are deleted, those with a wrong audience replaced", async () => {
    const [first, ...others] = wanted;
    if (first === undefined) throw new Error("none");
    for (const [index, one] of others.entries()) put(`other-${index}`, one);
    put("wrong", { ...first, audience: "other" });
    put("stale", { ...first, subject: "repo:owner/name:ref:refs/heads/old" });
    const { diff, ensure } = await stage();
    expect((await diff()).map(({ field }) => field)).toEqual(["credentials"]);
    await ensure();
    expect(memory.calls.filter((call) => /^(put|remove)/.test(call))).toEqual([
      `remove ${collection}/wrong`,
      expect.stringMatching(/^put .*\/repo-owner-name-ref-refs-heads-main-[0-9a-f]{8}$/),
      `remove ${collection}/stale`,
    ]);
    expect(await diff()).toEqual([]);
  });

  test("that were changed by hand are written again under their name", async () => {
    const { ensure, diff } = await stage();
    await ensure();
    const [changed] = memory.calls.filter((call) => call.startsWith("put")).map((call) => call.split("/").at(-1) ?? "");
    const [first] = wanted;
    if (first === undefined || changed === undefined) throw new Error("none");
    put(changed, { ...first, subject: "repo:somebody/else:ref:refs/heads/main" });
    memory.calls.length = 0;
    await ensure();
    expect(writes()).toEqual(["put"]);
    expect(await diff()).toEqual([]);
  });

  test("are never more than Azure takes", async () => {
    for (let index = 0; index < 20; index++)
      put(`old-${index}`, { issuer: "https://x", subject: `${index}`, audience: "a" });
    const { ensure } = await stage();
    await ensure();
    expect(writes().slice(0, 4)).toEqual(["remove", "put", "remove", "put"]);
  });

  test("wait for another program's write", async () => {
    let refusals = 2;
    const { ensure, world } = await stage(wanted.slice(0, 1));
    memory.onCall = (call) => {
      if (call.startsWith("put") && refusals-- > 0) {
        throw azureError("ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity");
      }
    };
    await ensure();
    expect(world.clock.now()).toBe(20_000);
  });

  test("are deleted; those of an identity that is gone are absent", async () => {
    const { ensure, remove, observe, world } = await stage();
    await ensure();
    await remove();
    expect(await observe()).toEqual({ kind: "absent" });
    const { outputs } = azureWorld(memory);
    const of = federatedCredentials({
      id: "c",
      title: "c",
      account: testAccount,
      identity: bound(made),
      credentials: () => [],
    });
    expect(await of.observe(world, outputs)).toEqual({ kind: "absent" });
  });

  test("of a workload have the cluster's issuer to the letter", () => {
    const issuer = "https://eastus2.oic.prod-aks.azure.com/tenant/uuid/";
    expect(workloadCredential(issuer, "external-dns", "external-dns")).toEqual({
      issuer,
      subject: "system:serviceaccount:external-dns:external-dns",
      audience: "api://AzureADTokenExchange",
    });
    expect(() => workloadCredential(issuer.slice(0, -1), "a", "b")).toThrow("has no slash at its end");
  });
});
