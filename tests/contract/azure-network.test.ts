import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { tenantId, tokenFor } from "#tests/support/azure-server.ts";
import { type CloudBehindProxy, openCloudBehindProxy } from "#tests/support/cloud-behind-proxy.ts";

// A computer that reaches the public cloud by a proxy alone, which inspects TLS.

const entra = "login.microsoftonline.com";
const resourceManager = "management.azure.com";

let azure: CloudBehindProxy;
let folder: string;
beforeAll(async () => {
  azure = await openCloudBehindProxy([entra, resourceManager], (request) => {
    const { pathname } = new URL(request.url);
    const base = `https://${entra}/${tenantId}`;
    if (pathname.endsWith("/token")) {
      return Response.json({ token_type: "Bearer", expires_in: 3_600, access_token: tokenFor({ idtyp: "app" }) });
    }
    if (pathname.includes("openid-configuration")) {
      return Response.json({
        token_endpoint: `${base}/oauth2/v2.0/token`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        issuer: `${base}/v2.0`,
        jwks_uri: `${base}/keys`,
      });
    }
    return Response.json({ state: "Enabled" });
  });
  folder = await mkdtemp(join(tmpdir(), "azure-network-"));
  await Bun.write(join(folder, "ca.pem"), azure.authority);
  await Bun.write(join(folder, "no-ca.pem"), "nothing\n");
});
afterAll(async () => {
  await azure.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => void azure.asked.splice(0));

async function run(variables: Readonly<Record<string, string>>): Promise<string> {
  const child = Bun.spawn([process.execPath, "run", "tests/fixtures/processes/azure-caller.ts"], {
    cwd: projectRoot,
    env: {
      PATH: Bun.env.PATH ?? "",
      HOME: folder,
      AZURE_CLIENT_ID: "client",
      AZURE_CLIENT_SECRET: "a-secret-of-the-test",
      ...variables,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return stdout + stderr;
}

const bundle = (name: string): string => join(folder, name);
test.each([
  ["with its authority", () => ({ HTTPS_PROXY: azure.proxy, REQUESTS_CA_BUNDLE: bundle("ca.pem") }), "Enabled"],
  ["spelled small", () => ({ https_proxy: azure.proxy, REQUESTS_CA_BUNDLE: bundle("ca.pem") }), "Enabled"],
  ["without its authority", () => ({ HTTPS_PROXY: azure.proxy }), "REQUESTS_CA_BUNDLE"],
  ["no such bundle", () => ({ HTTPS_PROXY: azure.proxy, REQUESTS_CA_BUNDLE: bundle("absent.pem") }), "cannot be read"],
  [
    "a bundle of nothing",
    () => ({ HTTPS_PROXY: azure.proxy, REQUESTS_CA_BUNDLE: bundle("no-ca.pem") }),
    "holds no certificate",
  ],
])("Azure behind a proxy: %s", async (_, variables, said) => {
  const text = await run(variables());
  expect(text).toContain(said);
  const hosts = azure.asked.map((target) => target.split(":")[0] ?? "");
  if (said === "Enabled") expect([...new Set(hosts)].sort()).toEqual([entra, resourceManager]);
  else expect(hosts).not.toContain(resourceManager);
});
