import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { stringAt } from "#sandbox/json.ts";
import { TestSandbox } from "#tests/sandbox/harness.ts";

// Against hanging only.
setDefaultTimeout(60_000);

const account = { provider: "gcp", name: "gcp-mgmt", projectId: "example-mgmt", projectNumber: "111111111111" };

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

/** As the administrator, by the variables alone. @param service as gcloud's variables name it */
async function ask(service: string, method: string, path: string, body?: object): Promise<Response> {
  const tls = { ca: await readFile(variables.REQUESTS_CA_BUNDLE ?? "", "utf8") };
  const { type: _, ...credentials } = await Bun.file(variables.GOOGLE_APPLICATION_CREDENTIALS ?? "").json();
  const form = new URLSearchParams({ grant_type: "refresh_token", ...credentials });
  const granted = await fetch(variables.CLOUDSDK_AUTH_TOKEN_HOST ?? "", { method: "POST", body: form, tls });
  return await fetch(`${variables[`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service}`]}${path}`, {
    method,
    headers: { authorization: `Bearer ${stringAt(await granted.json(), "access_token")}` },
    tls,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const zones = "dns/v1/projects/example-mgmt/managedZones";
const zone = { name: "kept", dnsName: "kept.mylabs.test.", description: "" };

test("its variables lead to all APIs, and keep doing so after a restart", async () => {
  expect((await ask("DNS", "POST", zones, zone)).status).toBe(403);
  await json("run", "gcp", "enable-services", "project=example-mgmt");
  expect((await ask("DNS", "POST", zones, zone)).status).toBe(200);
  await sandbox.main("down");
  expect((await json("up")).env).toEqual(variables);
  expect((await ask("DNS", "GET", `${zones}/kept`)).status).toBe(200);
  const project = await ask("CLOUDRESOURCEMANAGER", "GET", "v3/projects/111111111111");
  expect(await project.json()).toMatchObject({ projectId: "example-mgmt", state: "ACTIVE" });
  const { gcp } = await json("status");
  expect(gcp).toMatchObject({
    endpoint: variables.CLOUDSDK_API_ENDPOINT_OVERRIDES_STS?.replace(/\/$/, ""),
    proxy: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    authority: variables.REQUESTS_CA_BUNDLE,
    zones: ["kept.mylabs.test"],
  });
});

test("its credentials are readable by their owner alone, where gcloud has them, and stay the same login", async () => {
  const { GOOGLE_APPLICATION_CREDENTIALS: path = "", CLOUDSDK_CONFIG } = variables;
  expect(path).toBe(`${CLOUDSDK_CONFIG}/application_default_credentials.json`);
  const { mode, mtimeMs } = await stat(path);
  expect(mode & 0o777).toBe(0o600);
  await json("up");
  expect((await stat(path)).mtimeMs).toBe(mtimeMs);
});

test("faults of its command line are answered as Google does, and its calls are listed", async () => {
  await sandbox.main("fault", "gcp", "managedZones:get", "throttle:7", "--once");
  await sandbox.main("fault", "gcp", "managedZones:list", "fail:DEADLINE_EXCEEDED", "--once");
  await sandbox.main("calls", "--clear");
  const throttled = await ask("DNS", "GET", `${zones}/kept`);
  expect([throttled.status, throttled.headers.get("retry-after")]).toEqual([429, "7"]);
  expect((await ask("DNS", "GET", zones)).status).toBe(504);
  const calls = (await sandbox.main("calls")).stdout.trim().split("\n");
  expect(calls.map((line) => JSON.parse(line))).toMatchObject([
    { cloud: "gcp", service: "oauth2", action: "token" },
    { cloud: "gcp", service: "managedZones", action: "get", error: "RESOURCE_EXHAUSTED" },
    { cloud: "gcp", service: "oauth2", action: "token" },
    { cloud: "gcp", service: "managedZones", action: "list", error: "DEADLINE_EXCEEDED" },
  ]);
});

test("projects are disabled by operations", async () => {
  await json("run", "gcp", "disable-service", "project=example-mgmt", "service=iam.googleapis.com");
  const accounts = await ask("IAM", "GET", "v1/projects/example-mgmt/serviceAccounts");
  expect(await accounts.json()).toMatchObject({ error: { status: "PERMISSION_DENIED" } });
  await json("run", "gcp", "billing", "project=example-mgmt", "enabled=false");
  expect((await ask("DNS", "GET", zones)).status).toBe(403);
  await json("run", "gcp", "project-state", "project=example-mgmt", "state=DELETE_REQUESTED");
  const project = await ask("CLOUDRESOURCEMANAGER", "GET", "v3/projects/example-mgmt");
  expect(await project.json()).toMatchObject({ state: "DELETE_REQUESTED" });
  await json("run", "gcp", "project-state", "project=example-mgmt", "state=ACTIVE");
  await json("run", "gcp", "billing", "project=example-mgmt");
  expect((await sandbox.main("run", "gcp", "project-state", "project=example-mgmt", "state=x")).code).toBe(64);
  expect((await sandbox.main("run", "gcp", "billing", "project=unknown")).code).toBe(64);
});

test.each([
  [{ projectId: "Example" }, "projectId has to be"],
  [{ projectNumber: "12" }, "projectNumber has to be"],
])("accounts like %j are refused", async (wrong, text) => {
  const { code, stderr } = await sandbox.main("up", "--account", JSON.stringify({ ...account, ...wrong }));
  expect([code, stderr]).toMatchObject([64, expect.stringContaining(text)]);
});
