import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { subjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";
import type { GcpActor } from "#lib/gcp/clients.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { conditionOf, jobMembers } from "#lib/gcp/federation.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { emailOf, poolName, providerName, serviceAccountNames } from "#lib/gcp/names.ts";
import { type GithubClaims, githubJob } from "#sandbox/cloud/github.ts";
import { endpointVariables } from "#sandbox/gcp/environment.ts";
import { administratorEmail, userCredentials } from "#sandbox/gcp/oauth/administrators.ts";
import { enableServices } from "#sandbox/gcp/projects/services.ts";
import { type GoogleServer, openGoogleServer } from "#tests/sandbox/gcp/google-server.ts";
import { call, createAccount, grant, mgmt, tenant } from "#tests/sandbox/gcp/test-cloud.ts";
import { failureOf } from "#tests/support/failure.ts";

// Against hanging only.
setDefaultTimeout(60_000);

const github: GitHubTrust = {
  repository: "example/fleet",
  repositoryId: "1000000001",
  ownerId: "2000000002",
  claims: ["ref:refs/heads/main"],
  readClaims: ["pull_request"],
};
const accountOf = (name: string, role: "management" | "tenant", { projectId, number }: typeof mgmt): GcpAccount => ({
  provider: "gcp",
  name,
  role,
  projectId,
  projectNumber: number,
});
const management = accountOf("gcp-mgmt", "management", mgmt);
const account = accountOf("gcp-01", "tenant", tenant);
const clusters: GcpActor = { account, as: "clusters" };

const [subject = "", newSubject = ""] = subjectsOf(github);
const [readingSubject = ""] = subjectsOf(github, ["pull_request"]);
/** Of a push to main. */
const main: GithubClaims = { sub: subject, ref: "refs/heads/main" };

let google: GoogleServer;
beforeAll(async () => {
  google = await openGoogleServer();
  for (const project of [mgmt, tenant]) enableServices(google.cloud, project);
  await createProvider();
  await createChain(serviceAccountNames.clusters, [subject, newSubject]);
  await createChain(serviceAccountNames.readOnly, [readingSubject]);
});
afterAll(async () => await google.stop());

/** As `create:gcp-mgmt` writes it. */
async function createProvider(): Promise<void> {
  const prefix = "iam.projects.locations.workloadIdentityPools";
  await call(google.cloud, `${prefix}.create`, mgmt.projectId, {
    params: { locationsId: "global" },
    query: { workloadIdentityPoolId: poolName },
  });
  await call(google.cloud, `${prefix}.providers.create`, mgmt.projectId, {
    params: { locationsId: "global", workloadIdentityPoolsId: poolName },
    query: { workloadIdentityPoolProviderId: providerName },
    body: {
      attributeMapping: {
        "google.subject": "'repo:' + assertion.repository_id + ':' + assertion.ref",
        "attribute.sub": "assertion.sub",
      },
      attributeCondition: conditionOf(github),
      oidc: { issuerUri: "https://token.actions.githubusercontent.com" },
    },
  });
}

/** Jobs become a service account of the management project, which becomes that of the account's. */
async function createChain(name: string, subjects: readonly string[]): Promise<void> {
  const first = await createAccount(google, mgmt, name);
  const second = await createAccount(google, tenant, name);
  const resourceOf = ({ projectId }: typeof mgmt, email: string) => `projects/${projectId}/serviceAccounts/${email}`;
  for (const member of jobMembers(management, subjects)) {
    await grant(google, resourceOf(mgmt, first), "roles/iam.workloadIdentityUser", member);
  }
  await grant(google, resourceOf(tenant, second), "roles/iam.serviceAccountTokenCreator", `serviceAccount:${first}`);
}

function open(variables: Readonly<Record<string, string>>) {
  return createGcpClients(
    { accounts: [management, account], github },
    {
      ...endpointVariables(google.endpoint),
      REQUESTS_CA_BUNDLE: google.authorityPath,
      ...variables,
    },
  );
}

const asJob = (claims: GithubClaims) =>
  open({ ...githubJob({ repository_id: "1000000001", ...claims }, google.endpoint), GITHUB_ACTIONS: "true" });

async function asPerson(refreshToken?: string) {
  const path = join(google.folder, `${crypto.randomUUID()}.json`);
  await writeFile(path, JSON.stringify(userCredentials(refreshToken)), { mode: 0o600 });
  return open({ GOOGLE_APPLICATION_CREDENTIALS: path });
}

describe("a job of GitHub", () => {
  test.each([
    ["of a push", main, serviceAccountNames.clusters],
    ["with the new form of the subject", { ...main, sub: newSubject }, serviceAccountNames.clusters],
    ["of a pull request", { sub: readingSubject, ref: "refs/pull/7/merge" }, serviceAccountNames.readOnly],
  ] as const)("%s acts as the service account of the project", async (_, claims, name) => {
    const caller = await asJob(claims).caller(clusters);
    expect(caller).toEqual({ kind: "service account", name: emailOf(account, name) });
  });

  test.each([
    ["of another repository", { ...main, repository_id: "1" }],
    ["of another owner", { ...main, repository_owner_id: "1" }],
    ["of another branch", { ...main, sub: "repo:example/fleet:ref:refs/heads/feature" }],
    ["of a fork with the same name", { ...main, repository_id: "9", repository_owner_id: "9" }],
  ] as const)("%s is refused by the condition of the provider", async (_, claims) => {
    const { code, message } = await failureOf(asJob(claims).caller(clusters));
    expect([code, message]).toEqual(["SignInRefused", expect.stringContaining("attribute condition")]);
  });
});

test("the administrator is named by the token, and may not act as service accounts without a role of its own", async () => {
  const clients = await asPerson();
  expect(await clients.caller({ account, as: "administrator" })).toEqual({ kind: "user", name: administratorEmail });
  const { code, message } = await failureOf(clients.caller(clusters));
  expect([code, message]).toEqual([
    "ImpersonationDenied",
    expect.stringContaining(`may not act as ${emailOf(management, serviceAccountNames.clusters)}`),
  ]);
});

test("the second hop is refused where only the first one is granted", async () => {
  const other: GcpAccount = { ...account, name: "gcp-02" };
  const email = emailOf(other, serviceAccountNames.clusters);
  await call(google.cloud, "iam.projects.serviceAccounts.setIamPolicy", tenant.projectId, {
    params: { serviceAccountsId: email },
    body: { policy: {} },
  });
  const { code, message } = await failureOf(asJob(main).caller({ account: other, as: "clusters" }));
  expect([code, message]).toEqual(["ImpersonationDenied", expect.stringContaining(`may not act as ${email}`)]);
  const first = emailOf(management, serviceAccountNames.clusters);
  await grant(
    google,
    `projects/${tenant.projectId}/serviceAccounts/${email}`,
    "roles/iam.serviceAccountTokenCreator",
    `serviceAccount:${first}`,
  );
});
