import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stringAt, textsAt } from "#sandbox/json.ts";
import { TestSandbox } from "#tests/sandbox/harness.ts";

// Against hanging only.
setDefaultTimeout(60_000);

const [subscriptionId, tenantId] = ["22222222-2222-4222-8222-222222222222", "11111111-1111-4111-8111-111111111111"];
const account = { provider: "azure", name: "az-mgmt", subscriptionId, tenantId };

let sandbox: TestSandbox;
let variables: Readonly<Record<string, string>>;
beforeAll(async () => {
  sandbox = new TestSandbox();
  variables = (await json("up", "--account", JSON.stringify(account))).env;
});
afterAll(() => sandbox.remove());

async function json(...args: readonly string[]) {
  const { code, stdout, stderr } = await sandbox.main(...args);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** As the administrator, by the variables alone. */
async function ask(method: string, path: string, body?: object) {
  const tls = { ca: await readFile(variables.REQUESTS_CA_BUNDLE ?? "", "utf8") };
  const endpoint = `https://${variables.ARM_METADATA_HOSTNAME}`;
  const described: unknown = await (
    await fetch(`${endpoint}/metadata/endpoints?api-version=2022-09-01`, { tls })
  ).json();
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: variables.AZURE_CLIENT_ID ?? "",
    client_secret: variables.AZURE_CLIENT_SECRET ?? "",
    scope: `${textsAt(described, "authentication", "audiences")[1]}.default`,
  });
  const authority = `${stringAt(described, "authentication", "loginEndpoint")}/${variables.AZURE_TENANT_ID}`;
  const granted = await fetch(`${authority}/oauth2/v2.0/token`, { method: "POST", body: form, tls });
  return await fetch(`${stringAt(described, "resourceManager")}${path.slice(1)}?api-version=2025-04-01`, {
    method,
    headers: { authorization: `Bearer ${stringAt(await granted.json(), "access_token")}` },
    tls,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const group = `/subscriptions/${subscriptionId}/resourceGroups/kept`;

test("its variables lead to Entra and to Resource Manager, and keep doing so after a restart", async () => {
  expect((await ask("PUT", group, { location: "eastus2" })).status).toBe(201);
  await sandbox.main("down");
  expect((await json("up")).env).toEqual(variables);
  expect((await ask("GET", group)).status).toBe(200);
  const { azure } = await json("status");
  expect(azure).toMatchObject({
    endpoint: `https://${variables.ARM_METADATA_HOSTNAME}`,
    proxy: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    authority: variables.REQUESTS_CA_BUNDLE,
    resources: [group],
  });
});

test("faults of its command line are answered as Azure does, and its calls are listed", async () => {
  await sandbox.main("fault", "azure", "resourceGroups:read", "throttle:3000", "--once");
  await sandbox.main("calls", "--clear");
  const throttled = await ask("GET", group);
  expect([throttled.status, throttled.headers.get("retry-after")]).toEqual([429, "3000"]);
  const calls = (await sandbox.main("calls")).stdout.trim().split("\n");
  expect(calls.map((line) => JSON.parse(line))).toMatchObject([
    { cloud: "azure", service: "metadata", action: "endpoints" },
    { cloud: "azure", service: "entra", action: "token", caller: variables.AZURE_CLIENT_ID },
    { cloud: "azure", service: "resourceGroups", action: "read", error: "TooManyRequests" },
  ]);
  await sandbox.main("fault", "azure", "entra:token", "fail:AADSTS70021", "--once");
  expect((await ask("GET", group)).status).toBe(401);
  await sandbox.main("fault", "--clear");
});

test("a disabled subscription can be read and not be written", async () => {
  await json("run", "azure", "subscription-state", `subscription=${subscriptionId}`, "state=Disabled");
  const subscription = await ask("GET", `/subscriptions/${subscriptionId}`);
  expect(await subscription.json()).toMatchObject({ state: "Disabled" });
  const written = await ask("PUT", `${group}2`, { location: "eastus2" });
  expect([written.status, await written.json()]).toMatchObject([
    409,
    { error: { code: "ReadOnlyDisabledSubscription" } },
  ]);
  await json("run", "azure", "subscription-state", `subscription=${subscriptionId}`, "state=Enabled");
  expect((await sandbox.main("run", "azure", "subscription-state", "state=Purple")).code).toBe(64);
});

test("accounts without UUIDs are refused", async () => {
  const { code, stderr } = await sandbox.main("up", "--account", JSON.stringify({ ...account, tenantId: "mine" }));
  expect([code, stderr]).toMatchObject([64, expect.stringContaining("tenantId has to be a UUID")]);
});

test("without an account of Azure there are no certificates", async () => {
  const other = new TestSandbox();
  await other.main("up", "--account", JSON.stringify({ provider: "aws", name: "aws", accountId: "111111111111" }));
  expect([existsSync(join(sandbox.state, "tls")), existsSync(join(other.state, "tls"))]).toEqual([true, false]);
  await other.remove();
});
