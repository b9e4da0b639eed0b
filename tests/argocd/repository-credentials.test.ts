import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argocdNamespace, type ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { repositoryCredentials } from "#lib/argocd/repository-credentials.ts";
import { readEnvironment } from "#lib/environment.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";
import { kubernetesInMemory } from "#tests/support/kubernetes-memory.ts";
import { emptyMachine, localWorld } from "#tests/support/local-world.ts";

const https = "https://git.example.org/platform/fleet";
const path = `/api/v1/namespaces/${argocdNamespace}/secrets/repository-credentials`;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "credentials-"));
  await Bun.write(join(folder, "password"), "from-a-file\n");
  await Bun.write(join(folder, "key"), "-----BEGIN KEY-----\n");
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

/** One cluster with what an environment gives it. */
function cluster() {
  const memory = kubernetesInMemory();
  memory.kinds.get("/api/v1")?.push({ kind: "Secret", name: "secrets", namespaced: true });
  const world = { ...localWorld(emptyMachine()).world, kubernetes: () => memory.api };
  const running = fakeResource("local/a/cluster").resource;
  const none = { ca: undefined, certificate: undefined, key: undefined, token: undefined };
  const managed: ManagedCluster = {
    cluster: { provider: "kind", name: "a.internal", apiPort: 6551 },
    accountId: "",
    kubernetes: "1.36",
    row: { kind: "cluster", name: "a.internal", group: "local" },
    prefix: "local/a.internal",
    running,
    access: () => ({ kind: "reachable", endpoint: { server: "https://127.0.0.1:6551", ...none } }),
  };
  const resource = (variables: Readonly<Record<string, string>>, repository = https) => {
    const { gitCredentials } = readEnvironment(variables);
    if (gitCredentials === undefined) throw new Error("none are set");
    const one = repositoryCredentials({
      managed,
      credentials: { kind: "remote", repository, given: gitCredentials },
      needs: [running],
    });
    return {
      observe: () => one.observe(world, createOutputs()),
      ensure: () => one.ensure(world, { kind: "absent" }, createOutputs()),
      remove: () => one.remove(world, { kind: "absent" }, createOutputs()),
      diff: one.diff,
    };
  };
  const stored = () => {
    const data = (memory.objects.get(path)?.data ?? {}) as Readonly<Record<string, string>>;
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, atob(value)]));
  };
  return { memory, resource, stored };
}

describe("credentials of a repository", () => {
  test.each([
    [{ GITOPS_PASSWORD: "t" }, https, { username: "git", password: "t" }],
    [{ GITOPS_PASSWORD: "t", GITOPS_USERNAME: "me" }, https, { username: "me", password: "t" }],
    [{ GITOPS_PASSWORD_FILE: "password" }, https, { username: "git", password: "from-a-file" }],
    [{ GITOPS_SSH_KEY_FILE: "key" }, "git@git.example.org:a/b.git", { sshPrivateKey: "-----BEGIN KEY-----\n" }],
  ] as const)("of %j become a secret that Argo CD knows", async (variables, repository, data) => {
    const { memory, resource, stored } = cluster();
    const placed = Object.entries(variables).map(([key, value]) => [
      key,
      key.endsWith("_FILE") ? join(folder, value) : value,
    ]);
    await resource(Object.fromEntries(placed), repository).ensure();
    expect(stored()).toEqual({ type: "git", url: repository, ...data });
    expect(memory.objects.get(path)?.metadata.labels).toMatchObject({ "argocd.argoproj.io/secret-type": "repo-creds" });
  });

  test("are absent, current, others, gone, and never shown", async () => {
    const { resource } = cluster();
    const [old, next] = [resource({ GITOPS_PASSWORD: "old-secret" }), resource({ GITOPS_PASSWORD: "new-secret" })];
    expect(await old.observe()).toEqual({ kind: "absent" });
    await old.ensure();
    expect(await old.observe()).toEqual({ kind: "present", state: { current: true } });
    expect(await next.observe()).toEqual({ kind: "present", state: { current: false } });
    expect(JSON.stringify(next.diff({ current: false }, createOutputs()))).not.toContain("secret");
    await next.remove();
    expect(await next.observe()).toEqual({ kind: "absent" });
  });

  test("that somebody else put there are left alone", async () => {
    const { memory, resource } = cluster();
    memory.objects.set(path, { apiVersion: "v1", kind: "Secret", metadata: { name: "repository-credentials" } });
    expect((await resource({ GITOPS_PASSWORD: "t" }).observe()).kind).toBe("foreign");
  });

  test.each([
    [{ GITOPS_USERNAME: "me" }, https, "no password"],
    [{ GITOPS_PASSWORD: "t", GITOPS_PASSWORD_FILE: "x" }, https, "given twice"],
    [{ GITOPS_PASSWORD: "t" }, "ssh://git@git.example.org/a", "a password opens no"],
    [{ GITOPS_SSH_KEY_FILE: "x" }, https, "an ssh key opens no"],
    [{ GITOPS_SSH_KEY_FILE: "/no/such/key" }, "ssh://git@git.example.org/a", "which can't be read"],
  ])("of %j are refused for %s", async (variables, repository, message) => {
    const error = await failureOf(
      cluster()
        .resource(variables as Readonly<Record<string, string>>, repository)
        .ensure(),
    );
    expect([error.code, error.message]).toEqual(["InvalidCredentials", expect.stringContaining(message)]);
  });
});
