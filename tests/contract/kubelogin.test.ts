import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { callerOf } from "#sandbox/azure/entra/access-tokens.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { aksServerApp } from "#sandbox/azure/entra/endpoint.ts";
import { valueAt } from "#sandbox/json.ts";
import { type EntraServer, openEntraServer } from "#tests/sandbox/azure/entra-server.ts";
import { tenant } from "#tests/sandbox/azure/test-cloud.ts";

/** `go install github.com/Azure/kubelogin@v0.2.21`; later ones need Go 1.26.10. */
const { KUBELOGIN: program = "" } = Bun.env;
if (program === "") process.stdout.write("Entra is not judged by kubelogin: KUBELOGIN does not name it\n");

describe.skipIf(program === "")("kubelogin on Entra in the sandbox", () => {
  let entra: EntraServer;
  beforeAll(async () => {
    entra = await openEntraServer();
  });
  afterAll(async () => await entra.close());

  /** Knows nothing of the sandbox but its proxy and authority. */
  async function run(login: string, variables: Readonly<Record<string, string>>) {
    const args = ["get-token", "--login", login, "--server-id", aksServerApp, "--tenant-id", tenant];
    const child = Bun.spawn([program, ...args, "--cache-dir", join(entra.folder, "cache")], {
      env: { HOME: entra.folder, HTTPS_PROXY: entra.proxy, SSL_CERT_FILE: entra.authorityPath, ...variables },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, error, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, error, token: code === 0 ? String(valueAt(JSON.parse(out), "status", "token")) : "" };
  }

  const callerFrom = (token: string) => callerOf(entra.azure.cloud, token, [aksServerApp]);

  test("gets a token for clusters with a client secret", async () => {
    const { clientId, secret, objectId } = administratorOf(tenant);
    const { error, token } = await run("spn", { AZURE_CLIENT_ID: clientId, AZURE_CLIENT_SECRET: secret });
    expect(error).toBe("");
    expect(await callerFrom(token)).toMatchObject({ tenant, objectId });
  });

  test("reads why it gets none with the token of another issuer, and gets one", async () => {
    const { clientId, objectId } = entra.identity;
    const path = join(entra.folder, "assertion");
    const variables = {
      AZURE_CLIENT_ID: clientId,
      AZURE_FEDERATED_TOKEN_FILE: path,
      AZURE_AUTHORITY_HOST: "https://login.microsoftonline.com/",
    };
    await Bun.write(path, await entra.mint({ sub: "repo:evil/x:pull_request" }));
    const refused = await run("workloadidentity", variables);
    expect(refused.code).toBe(1);
    expect(refused.error).toContain("AADSTS700213: No matching federated identity record found");
    await Bun.write(path, await entra.mint());
    const { error, token } = await run("workloadidentity", variables);
    expect(error).toBe("");
    expect(await callerFrom(token)).toMatchObject({ objectId });
  });
});
