import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aksPlugin } from "#lib/azure/aks/token-plugin.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { refusedVariable } from "#lib/kubernetes/exec-info.ts";
import {
  type AzureServer,
  account,
  clientId,
  openAzureServer,
  tenantId,
  tokenFor,
} from "#tests/support/azure-server.ts";
import { kubePlugin } from "#tests/support/kube-plugin.ts";
import { infoOf } from "#tests/support/kube-token.ts";

// Only against hanging: each test starts programs, which a loaded machine lets wait.
setDefaultTimeout(120_000);

const aks = "https://k01-abcd1234.hcp.westeurope.azmk8s.io:443";
const scope = "6dae42f8-4368-4678-94ff-3960e28e3630/.default";
const cluster: AksCluster = {
  provider: "azure",
  name: "k01.k8s.az.mylabs.test",
  account: account.name,
  region: "westeurope",
  publicAccessCidrs: [],
};

let server: AzureServer;
let state: string;
beforeEach(async () => {
  server = await openAzureServer();
  state = await mkdtemp(join(tmpdir(), "kube-token-azure-"));
});
afterEach(async () => {
  await server.close();
  await rm(state, { recursive: true, force: true });
});

const { credentialOf, refusalOf, folder, cached, ageCache, expectCached } = kubePlugin({
  cloud: "azure",
  plugin: (fleetFile) => aksPlugin({ cluster, server: aks, account, fleetFile }),
  secrets: /a-secret-of-the-test/,
  place: () => ({ state, variables: server.variables }),
});

const without = { AZURE_CLIENT_SECRET: "", AZURE_CLIENT_ID: "" };
async function withAz(script: string): Promise<Readonly<Record<string, string>>> {
  await Bun.write(join(state, "az"), `#!/bin/sh\necho "$*" >> ${state}/az.log\n${script}\n`);
  await chmod(join(state, "az"), 0o700);
  return { ...without, PATH: `${state}:/usr/bin:/bin` };
}
const azAnswer = () =>
  `printf '%s' '${JSON.stringify({ accessToken: tokenFor({ upn: "ann@example.org" }), expires_on: Math.floor(Date.now() / 1_000) + 3_000 })}'`;

describe("a token for AKS", () => {
  test("is fetched once, and then comes from a file that only its owner can read", async () => {
    const first = await credentialOf();
    expect(await credentialOf(infoOf(aks))).toEqual(first);
    expect(server.asked).toEqual([`token ${tenantId} ${scope}`]);
    await expectCached(first);
  });

  test("is asked for again while Entra throttles, or is unavailable", async () => {
    const refusals = [
      new Response("{}", { status: 429, headers: { "retry-after": "1" } }),
      new Response("down", { status: 503 }),
    ];
    server.entra = () => refusals.shift();
    await credentialOf();
    expect(refusals).toEqual([]);
    expect((await cached()).length).toBe(1);
  });

  test("is of whoever calls: another client, secret or login gets another one", async () => {
    await credentialOf();
    await credentialOf({ AZURE_CLIENT_ID: "another" });
    await credentialOf({ AZURE_CLIENT_SECRET: "another-secret-of-the-test" });
    expect(server.forms.map((form) => form.get("client_id"))).toEqual([clientId, "another", clientId]);
    const az = await withAz(azAnswer());
    await credentialOf(az);
    await credentialOf(az);
    expect((await Bun.file(join(state, "az.log")).text()).trim().split("\n")).toEqual([
      `account get-access-token --output json --scope ${scope} --tenant ${tenantId}`,
    ]);
    await Bun.write(join(state, ".azure/azureProfile.json"), "{}");
    await credentialOf(az);
    expect((await Bun.file(join(state, "az.log")).text()).trim().split("\n").length).toBe(2);
  });

  test("is fetched again where a cluster rejected it, once for all", async () => {
    const first = await credentialOf();
    await ageCache(120);
    expect(await credentialOf({ [refusedVariable]: "0" })).toEqual(first);
    await ageCache(120);
    const again = await credentialOf({ [refusedVariable]: "1" });
    expect(again.status.token).not.toBe(first.status.token);
    // The new one is young: a cluster that refuses it refuses others, too.
    expect(await credentialOf({ [refusedVariable]: "1" })).toEqual(again);
    // kubectl doesn't say it: the same client asks again while its token is good.
    await ageCache(120);
    expect((await credentialOf()).status.token).not.toBe(again.status.token);
  });

  test("is fetched once for many at once", async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => credentialOf()));
    expect(new Set(all.map(({ status }) => status.token)).size).toBe(1);
    expect(server.forms.length).toBe(1);
  });

  test("comes from a pod's file and from a job of GitHub, too", async () => {
    await Bun.write(join(state, "token"), "of-the-pod\n");
    await credentialOf({ AZURE_CLIENT_SECRET: "", AZURE_FEDERATED_TOKEN_FILE: join(state, "token") });
    const github = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => Response.json({ value: tokenFor({ sub: "repo:o/r:pull_request" }) }),
    });
    const trust = {
      repository: "o/r",
      repositoryId: "100",
      ownerId: "200",
      claims: ["ref:refs/heads/main"],
      readClaims: ["pull_request"],
    };
    await Bun.write(
      join(state, "fleet.json"),
      JSON.stringify({ domain: "mylabs.test", github: trust, zones: [], accounts: [], clusters: [] }),
    );
    try {
      await credentialOf({
        AZURE_CLIENT_SECRET: "",
        AZURE_READ_ONLY_CLIENT_ID: "reader",
        ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${github.port}/?v=1`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "bearer",
      });
    } finally {
      await github.stop(true);
    }
    expect(server.forms.map((form) => form.get("client_id"))).toEqual([clientId, "reader"]);
    expect(server.forms[0]?.get("client_assertion")).toBe("of-the-pod");
  });
});

describe("no token for AKS", () => {
  test.each([
    ["of another server", infoOf("https://evil.example"), "WrongCluster"],
    ["of a server that isn't verified", infoOf(aks, { "insecure-skip-tls-verify": true }), "WrongCluster"],
    ["without credentials", { ...without, PATH: "/nonexistent" }, "CredentialsMissing"],
    ["from a stray host", { ARM_METADATA_HOSTNAME: "evil.example" }, "EndpointRefused"],
  ])("%s", async (_, env, code) => {
    expect(await refusalOf(env)).toContain(`(${code})`);
  });

  test("where Entra refuses, and nothing is cached", async () => {
    server.entra = () =>
      Response.json(
        { error: "invalid_client", error_description: "AADSTS7000215: Invalid client secret provided." },
        { status: 401 },
      );
    expect(await refusalOf()).toContain("the client secret is wrong (SignInRefused)");
    server.entra = () =>
      Response.json({ token_type: "Bearer", expires_in: 3_600, access_token: tokenFor({ tid: "elsewhere" }) });
    expect(await refusalOf()).toContain("(WrongAccount)");
    server.entra = () => new Response("down", { status: 503 });
    expect(await refusalOf()).toContain("(AzureUnreachable)");
    expect(await readdir(folder()).catch(() => [])).toEqual([]);
  });

  test("with an option that isn't of this cloud", async () => {
    expect(await refusalOf({}, ["--provider", "oracle"])).toContain("InvalidArgument");
  });
});
