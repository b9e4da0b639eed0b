import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, readdir, stat } from "node:fs/promises";
import { eksEndpoint } from "#lib/aws/eks/kubeconfig.ts";
import { createExec } from "#lib/exec.ts";
import { findBun } from "#lib/find-bun.ts";
import { formatChange } from "#lib/graph/change.ts";
import { formatKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { mergedPath, writeMergedKubeconfig } from "#lib/kubernetes/merged.ts";
import { kubeconfigPath, projectRoot } from "#lib/paths.ts";
import { cluster, eksName, openEks, role, stateOf, variables } from "#tests/support/eks-kubeconfig.ts";
import { failureOf } from "#tests/support/failure.ts";
import { kubeconfigOf } from "#tests/support/kubeconfigs.ts";

/** Tests themselves may be run by a Bun that doesn't stay. */
const bun = await findBun({ exec: createExec(variables), variables });

let eks: Awaited<ReturnType<typeof openEks>>;
beforeEach(async () => {
  eks = await openEks();
});
afterEach(() => eks.close());

describe("the kubeconfig of an EKS cluster", () => {
  test("is written when it is absent, for its owner alone, and proved by a call", async () => {
    const { observe, ensure, path } = eks.open();
    expect(await observe()).toEqual({ kind: "absent" });
    const made = await ensure();
    expect(eks.asked).toEqual(["/readyz", "/api/v1/nodes"]);
    expect([made.path, made.access, (await stat(path)).mode & 0o777]).toEqual([
      path,
      { kind: "open", nodes: [] },
      0o600,
    ]);
  });

  test("names all by the FQDN, and pins all that must not come from where kubectl is called", async () => {
    const { ensure, made } = eks.open();
    const { content } = await ensure();
    const { name } = cluster;
    expect(content).toEqual({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name,
          cluster: {
            server: made.ClusterEndpoint,
            "certificate-authority-data": made.CertificateAuthorityData,
          },
        },
      ],
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1",
              command: bun,
              args: [
                "--no-env-file",
                `--config=${projectRoot}/bunfig.toml`,
                "--no-install",
                "run",
                `${projectRoot}/tasks/kube-token.ts`,
                ...[
                  "--provider",
                  "aws",
                  "--cluster",
                  eksName,
                  "--region",
                  "eu-central-1",
                  "--server",
                  made.ClusterEndpoint,
                ],
                ...["--account", "aws-01", "--account-id", "210987654321", "--role", role, "--state", eks.state],
              ],
              interactiveMode: "Never",
              provideClusterInfo: true,
              installHint: expect.stringContaining(name),
            },
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    });
  });

  test("is left alone when it is as wanted and the API server lets us in", async () => {
    const { ensure, observe, changes, resource, path } = eks.open();
    await ensure();
    expect(await changes()).toEqual([]);
    expect(resource.health(stateOf(await observe()))).toEqual({
      kind: "healthy",
      summary: path,
      cluster: { nodes: "0" },
    });
  });

  test("says what of it has drifted, and is written anew", async () => {
    const { ensure, edit, changes, path } = eks.open();
    await ensure();
    await edit(({ clusters: [entry], users: [user] }) => {
      Object.assign(entry?.cluster ?? {}, {
        server: "https://127.0.0.1:1",
        "certificate-authority-data": Buffer.from("another").toString("base64"),
      });
      Object.assign(user?.user.exec ?? {}, { command: "/old/bun" });
    });
    await chmod(path, 0o644);
    expect((await changes()).map(formatChange)).toEqual([
      `server: https://127.0.0.1:1 → https://127.0.0.1:${eks.server.port}`,
      "certificate-authority-data: another → of this cluster",
      `user: + ${bun}, - /old/bun`,
      "mode: 0644 → 0600",
    ]);
    await ensure();
    expect(await changes()).toEqual([]);
  });

  test("follows the cluster to another endpoint", async () => {
    const { ensure, changes, outputs, options, made } = eks.open();
    await ensure();
    outputs.set(options.stack, { outputs: { ...made, ClusterEndpoint: "https://127.0.0.1:2" } });
    expect((await changes()).map(({ field }) => field)).toEqual(["server", "user"]);
  });

  test("is not followed where it leads elsewhere", async () => {
    const { ensure, edit, observe, resource, path } = eks.open();
    await ensure();
    eks.asked.length = 0;
    await edit(({ users: [user] }) => Object.assign(user?.user.exec ?? {}, { env: [{ name: "A", value: "b" }] }));
    const seen = stateOf(await observe());
    expect([eks.asked, seen.access]).toEqual([[], undefined]);
    expect(resource.health(seen)).toEqual({ kind: "degraded", summary: `${path} is not of this cluster` });
  });

  test("is mended when it can't be read", async () => {
    const { ensure, observe, changes, resource, path } = eks.open();
    await ensure();
    await Bun.write(path, "apiVersion: [");
    expect((await changes()).map(({ field }) => field)).toEqual(["content"]);
    expect(resource.health(stateOf(await observe())).kind).toBe("degraded");
    await ensure();
    expect(await changes()).toEqual([]);
  });

  test("waits for the stack to say where the cluster is", async () => {
    const { ensure, changes, outputs, options, made } = eks.open();
    await ensure();
    outputs.clear(options.stack);
    expect(await changes()).toEqual([]);
    expect((await failureOf(ensure())).code).toBe("OutputMissing");
    outputs.set(options.stack, { outputs: { ClusterName: made.ClusterName } });
    expect((await failureOf(ensure())).message).toBe("k01: EKS cluster does not say where the cluster is");
  });

  test("goes, also from the merged file, and is gone the second time too", async () => {
    const { ensure, remove, observe, paths } = eks.open();
    await ensure();
    await Bun.write(kubeconfigPath(paths, "other"), formatKubeconfig(kubeconfigOf("other")));
    await writeMergedKubeconfig(paths, ["other", cluster.name]);
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await observe()).toEqual({ kind: "absent" });
    expect(await readdir(paths.kubeconfigs)).toHaveLength(2);
    expect(await Bun.file(mergedPath(paths)).text()).not.toContain(cluster.name);
  });
});

test("an endpoint comes of the stack alone, without a file", async () => {
  const { world, options, made } = eks.open();
  const endpoint = await eksEndpoint(world, options, { outputs: made });
  if (endpoint === undefined) throw new Error("there is none");
  expect(await world.kubernetes(endpoint).get("/readyz")).toEqual({ items: [] });
  expect(await eksEndpoint(world, options, { outputs: {} })).toBeUndefined();
});

test("for an emulator the file says where its credentials are, and blanks a person's own; it never has a secret", async () => {
  const emulator = {
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    AWS_CONFIG_FILE: "/sandbox/config",
    AWS_SESSION_TOKEN: "hush",
  };
  const { changes, ensure } = eks.open();
  await ensure();
  const sandboxed = eks.open({ variables: { ...variables, ...emulator } });
  expect((await changes()).length).toBe(0);
  expect((await sandboxed.changes()).map(({ field }) => field)).toEqual(["user"]);
  const endpoint = await eksEndpoint(sandboxed.world, sandboxed.options, { outputs: sandboxed.made });
  expect(endpoint?.exec?.env).toMatchObject({
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    AWS_CONFIG_FILE: "/sandbox/config",
    AWS_PROFILE: "",
    AWS_ACCESS_KEY_ID: "",
  });
  expect(Object.keys(endpoint?.exec?.env ?? {})).not.toContain("AWS_SESSION_TOKEN");
});
