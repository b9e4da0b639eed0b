import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { type GithubClaims, githubJob } from "#sandbox/cloud/github.ts";
import { createKey } from "#sandbox/gcp/iam/service-accounts.ts";
import { callerOf, mintAccessToken } from "#sandbox/gcp/oauth/access-tokens.ts";
import { administratorEmail, userCredentials } from "#sandbox/gcp/oauth/administrators.ts";
import { stringAt } from "#sandbox/json.ts";
import { type GoogleServer, openGoogleServer } from "#tests/sandbox/gcp/google-server.ts";
import { cloudPlatform, mgmt, tenant } from "#tests/sandbox/gcp/test-cloud.ts";

const pool = `projects/${mgmt.number}/locations/global/workloadIdentityPools/fleet`;
const audience = `//iam.googleapis.com/${pool}/providers/github`;

// Against hanging only: programs take a second each.
setDefaultTimeout(60_000);

let google: GoogleServer;
let ca: string;
let [base, target] = ["", ""];

beforeAll(async () => {
  google = await openGoogleServer();
  ca = await readFile(google.authorityPath, "utf8");
  for (const { projectId } of [mgmt, tenant]) {
    const serviceIds = ["cloudresourcemanager", "iam", "iamcredentials", "sts"].map((api) => `${api}.googleapis.com`);
    await post(`v1/projects/${projectId}/services:batchEnable`, { serviceIds });
  }
  google.advance(300_000);
  base = stringAt(await post(`v1/projects/${mgmt.projectId}/serviceAccounts`, { accountId: "base-account" }), "email");
  target = stringAt(
    await post(`v1/projects/${tenant.projectId}/serviceAccounts`, { accountId: "target-account" }),
    "email",
  );
  google.advance(10_000);
  await createFederation();
});
afterAll(async () => await google.stop());

/** As the administrator. Answers are checked against Google's discovery documents. */
async function post(path: string, body: object = {}): Promise<unknown> {
  const { token } = mintAccessToken(google.cloud, { kind: "user", email: administratorEmail }, [cloudPlatform]);
  const response = await fetch(`${google.endpoint}/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
    tls: { ca },
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

/** Jobs of GitHub become the first account, and the first account becomes the other one. */
async function createFederation(): Promise<void> {
  const pools = `v1/projects/${mgmt.projectId}/locations/global/workloadIdentityPools`;
  await post(`${pools}?workloadIdentityPoolId=fleet`, { displayName: "Fleet" });
  await post(`${pools}/fleet/providers?workloadIdentityPoolProviderId=github`, {
    attributeMapping: { "google.subject": "assertion.sub", "attribute.repository_id": "assertion.repository_id" },
    attributeCondition: "assertion.repository_owner_id == '2000000002'",
    oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
  });
  const jobs = `principalSet://iam.googleapis.com/${pool}/attribute.repository_id/1000000001`;
  await grant(mgmt.projectId, base, "roles/iam.workloadIdentityUser", jobs);
  await grant(tenant.projectId, target, "roles/iam.serviceAccountTokenCreator", `serviceAccount:${base}`);
  google.advance(61_000);
}

async function grant(project: string, account: string, role: string, member: string): Promise<void> {
  const resource = `v1/projects/${project}/serviceAccounts/${account}`;
  const etag = stringAt(await post(`${resource}:getIamPolicy?options.requestedPolicyVersion=3`), "etag");
  const policy = { version: 3, etag, bindings: [{ role, members: [member] }] };
  expect(await post(`${resource}:setIamPolicy`, { policy })).toMatchObject({ version: 1, bindings: policy.bindings });
}

const impersonation = (email: string) =>
  `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`;

/** Credentials of a job, as google-github-actions/auth writes them. */
function jobFile(claims: GithubClaims = {}, account = ""): object {
  const job = githubJob(claims, google.endpoint);
  const asked = claims.aud === undefined ? `&audience=${encodeURIComponent(`https:${audience}`)}` : "";
  return {
    type: "external_account",
    audience,
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: "https://sts.googleapis.com/v1/token",
    credential_source: {
      url: `${job.ACTIONS_ID_TOKEN_REQUEST_URL}?api-version=2.0${asked}`,
      headers: { Authorization: `Bearer ${job.ACTIONS_ID_TOKEN_REQUEST_TOKEN}` },
      format: { type: "json", subject_token_field_name: "value" },
    },
    ...(account === "" ? {} : { service_account_impersonation_url: impersonation(account) }),
  };
}

/** Google's libraries, as they are, and our own code, which does the same. */
const [own, node, python] = ["lib/gcp", "google-auth-library of Node.js", "google-auth of Python"] as const;
const interpreter = Bun.env.GOOGLE_DISCOVERY_PYTHON ?? "";
if (interpreter === "") {
  process.stdout.write(`nobody signs in by ${python}: it is not installed (GOOGLE_DISCOVERY_PYTHON)\n`);
}
const programs = {
  [own]: [process.execPath, "run", "tests/fixtures/processes/fleet-signer.ts"],
  [node]: [process.execPath, "run", "tests/fixtures/processes/google-signer.ts"],
  [python]: [interpreter, "tests/fixtures/processes/google_signer.py"],
} as const;

/** Lets a library find its credentials. @returns the caller that they make, or the refusal */
async function signIn(library: keyof typeof programs, credentials: object): Promise<string> {
  const path = join(google.folder, `${crypto.randomUUID()}.json`);
  await writeFile(path, JSON.stringify(credentials), { mode: 0o600 });
  const child = Bun.spawn([...programs[library]], {
    cwd: projectRoot,
    env: {
      HOME: google.folder,
      GOOGLE_APPLICATION_CREDENTIALS: path,
      // Otherwise it asks version 1 of Resource Manager.
      GOOGLE_CLOUD_PROJECT: mgmt.projectId,
      HTTPS_PROXY: google.proxy,
      NO_PROXY: "127.0.0.1",
      NODE_EXTRA_CA_CERTS: google.authorityPath,
      REQUESTS_CA_BUNDLE: google.authorityPath,
    },
    stderr: "ignore",
  });
  const text = await new Response(child.stdout).text();
  return (await child.exited) === 0 ? callerOf(google.cloud, text).name : text;
}

describe.each(interpreter === "" ? [own, node] : [own, node, python])("%s", (library) => {
  test("signs in as the administrator, by the file of gcloud", async () => {
    expect(await signIn(library, userCredentials())).toBe(administratorEmail);
  });

  test("signs in as a service account, by its key", async () => {
    expect(await signIn(library, createKey(google.cloud, target))).toBe(target);
  });

  test("exchanges the token of a job of GitHub, and impersonates", async () => {
    expect(await signIn(library, jobFile())).toBe(
      `principal://iam.googleapis.com/${pool}/subject/repo:example/k8s-multicluster-gitops:ref:refs/heads/main`,
    );
    expect(await signIn(library, jobFile({}, base))).toBe(base);
  });

  test("impersonates along a chain", async () => {
    const file = {
      type: "impersonated_service_account",
      service_account_impersonation_url: impersonation(target),
      // Python's does not take the file of a job here.
      source_credentials: library === python ? createKey(google.cloud, base) : jobFile({}, base),
      delegates: [],
    };
    expect(await signIn(library, file)).toBe(target);
  });

  const missing = `x@${mgmt.projectId}.iam.gserviceaccount.com`;
  test.each([
    ["another owner", { repository_owner_id: "1" }, "", "The given credential is rejected by the attribute condition."],
    ["another audience", { aud: "sts.amazonaws.com" }, "", "The audience in ID Token [sts.amazonaws.com]"],
    ["a repository without a binding", { repository_id: "1" }, "", "denied on resource (or it may not exist)"],
    ["an account that is not there", {}, missing, "denied on resource (or it may not exist)"],
  ] as const)("reads why a job with %s is refused", async (_, claims, account, message) => {
    expect(await signIn(library, jobFile(claims, account || base))).toContain(message);
  });
});
