import { afterEach, beforeEach, expect, test } from "bun:test";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { whoami } from "#lib/gcp/whoami.ts";
import {
  account,
  type GoogleServer,
  gcpFleet,
  googleFault,
  jobVariables,
  oauthFault,
  openGoogleServer,
} from "#tests/support/google-server.ts";

let server: GoogleServer;
beforeEach(async () => {
  server = await openGoogleServer();
});
afterEach(async () => await server.close());

const second = { ...account, name: "gcp-02", projectId: "mylabs-02", projectNumber: "100000000003" };
const look = async (variables: Readonly<Record<string, string>> = {}) => {
  const fleet = { ...gcpFleet, accounts: [...gcpFleet.accounts, second], clusters: [] };
  const hops = await whoami(fleet, createGcpClients(fleet, { ...server.variables, ...variables }));
  return hops.map(({ name, account: id, result }) => [name, id, result.kind === "ok" ? result.identity : result.code]);
};
const serviceAccount = "service account k8s-multicluster-gitops";

test("shows each step, and which projects are the fleet's", async () => {
  server.api = (_, { pathname }) =>
    pathname.endsWith("mylabs-02")
      ? Response.json({ name: "projects/4", projectId: "mylabs-02", state: "ACTIVE" })
      : undefined;
  expect(await look()).toEqual([
    ["base", "", "user ann@example.org"],
    ["gcp-mgmt", "mylabs-mgmt", serviceAccount],
    ["gcp-01", "mylabs-01", serviceAccount],
    ["gcp-02", "mylabs-02", "WrongAccount"],
  ]);
});

test("shows a job of GitHub, which only reads if the fleet says so", async () => {
  const job = await look(jobVariables(server, "pull_request"));
  const audience =
    "//iam.googleapis.com/projects/100000000001/locations/global/workloadIdentityPools/k8s-multicluster-gitops/providers/github";
  expect(job.slice(0, 3)).toEqual([
    ["base", "", `federated ${audience}`],
    ["gcp-mgmt", "mylabs-mgmt", `${serviceAccount}-ro`],
    ["gcp-01", "mylabs-01", `${serviceAccount}-ro`],
  ]);
  expect(server.asked.slice(0, 2)).toEqual([`github https:${audience}`, `sts ${audience}`]);
  expect((await look(jobVariables(server, "ref:refs/heads/main")))[1]?.[2]).toBe(serviceAccount);
});

test("shows the step that is refused, and nothing behind a refused sign-in", async () => {
  server.tokens = (kind, email) =>
    kind === "act" && email.includes("mylabs-01")
      ? googleFault(
          403,
          "PERMISSION_DENIED",
          "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
          "forbidden",
        )
      : undefined;
  expect((await look()).map(([name, , identity]) => [name, identity])).toContainEqual([
    "gcp-01",
    "ImpersonationDenied",
  ]);
  server.tokens = () => oauthFault("invalid_grant", "Token has been expired or revoked.");
  expect(await look()).toEqual([["base", "", "SessionExpired"]]);
});
