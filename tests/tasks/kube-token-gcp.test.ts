import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkePlugin } from "#lib/gcp/gke/token-plugin.ts";
import { refusedVariable } from "#lib/kubernetes/exec-info.ts";
import {
  account,
  type GoogleServer,
  gcpFleet,
  googleFault,
  jobVariables,
  management,
  oauthFault,
  openGoogleServer,
} from "#tests/support/google-server.ts";
import { kubePlugin } from "#tests/support/kube-plugin.ts";
import { infoOf } from "#tests/support/kube-token.ts";
import { openMachine } from "#tests/support/metadata-server.ts";

// Only against hanging: each test starts programs, which a loaded machine lets wait.
setDefaultTimeout(120_000);

const gke = "https://gke-0123-100000000002.us-east1.gke.goog";
const cluster: GkeCluster = {
  provider: "gcp",
  name: "k01.k8s.gcp.mylabs.test",
  account: account.name,
  region: "us-east1",
};
const full = "k8s-multicluster-gitops@mylabs-mgmt.iam.gserviceaccount.com";
const inAccount = "k8s-multicluster-gitops@mylabs-01.iam.gserviceaccount.com";

let server: GoogleServer;
let state: string;
beforeEach(async () => {
  server = await openGoogleServer();
  state = await mkdtemp(join(tmpdir(), "kube-token-gcp-"));
  const fleet = { domain: "mylabs.test", zones: [], clusters: [], ...gcpFleet };
  await Bun.write(join(state, "fleet.json"), JSON.stringify(fleet));
});
afterEach(async () => {
  await server.close();
  await rm(state, { recursive: true, force: true });
});

const { credentialOf, refusalOf, folder, ageCache, expectCached } = kubePlugin({
  cloud: "gcp",
  plugin: (fleetFile) => gkePlugin({ cluster, account, management, server: gke, fleetFile }),
  secrets: /a-client-secret|for-ann|ya29/,
  place: () => ({ state, variables: server.variables }),
});

describe("a token for GKE", () => {
  test("is the service account's, by two hops, and then comes from a file that only its owner can read", async () => {
    const first = await credentialOf();
    expect(await credentialOf(infoOf(gke))).toEqual(first);
    expect(server.asked).toEqual([
      "token ann",
      `act ann@example.org → ${full} cloud-platform`,
      `act ${full} → ${inAccount} cloud-platform userinfo.email`,
    ]);
    await expectCached(first);
  });

  test("needs no fleet, except in jobs", async () => {
    await rm(join(state, "fleet.json"));
    await credentialOf();
    expect(await refusalOf(jobVariables(server, "ref:refs/heads/main"))).toContain("(FleetUnreadable)");
  });

  test("is of whoever calls: another login gets another one", async () => {
    const first = await credentialOf();
    const { GOOGLE_APPLICATION_CREDENTIALS: person = "" } = server.variables;
    await utimes(person, 1, 1);
    expect((await credentialOf()).status.token).not.toBe(first.status.token);
    const job = await credentialOf(jobVariables(server, "ref:refs/heads/main"));
    expect(job.status.token).not.toBe(first.status.token);
    expect(server.asked.at(-2)).toBe(`act job → ${full} cloud-platform`);
  });

  test("is of the machine's service account, where that is chosen", async () => {
    const machine = openMachine();
    machine.email = full;
    const here = { GOOGLE_APPLICATION_CREDENTIALS: "", METADATA_SERVER_DETECTION: "assume-present" };
    try {
      const first = await credentialOf({ ...here, GCE_METADATA_HOST: machine.host });
      expect(await credentialOf({ ...here, GCE_METADATA_HOST: machine.host })).toEqual(first);
      expect(machine.asked.length).toBe(2);
      expect(server.asked).toEqual([`act  → ${inAccount} cloud-platform userinfo.email`]);
      // Of another machine.
      expect(await refusalOf({ ...here, GCE_METADATA_HOST: "127.0.0.1:1" })).toContain("(CredentialsMissing)");
    } finally {
      await machine.close();
    }
  });

  test("is fetched again where a cluster rejected it", async () => {
    const first = await credentialOf();
    await ageCache(120);
    expect(await credentialOf({ [refusedVariable]: "0" })).toEqual(first);
    await ageCache(120);
    expect((await credentialOf({ [refusedVariable]: "1" })).status.token).not.toBe(first.status.token);
  });

  test("is fetched once for many at once", async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => credentialOf()));
    expect(new Set(all.map(({ status }) => status.token)).size).toBe(1);
    expect(server.asked.length).toBe(3);
  });
});

describe("no token for GKE", () => {
  test.each([
    ["of another server", infoOf("https://evil.example"), "WrongCluster"],
    ["of a server that isn't verified", infoOf(gke, { "insecure-skip-tls-verify": true }), "WrongCluster"],
    ["without credentials", { GOOGLE_APPLICATION_CREDENTIALS: "" }, "CredentialsMissing"],
    ["from a stray host", { CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: "https://evil.example" }, "EndpointRefused"],
  ])("%s", async (_, env, code) => {
    expect(await refusalOf(env)).toContain(`(${code})`);
  });

  test("for a job that may only read", async () => {
    expect(await refusalOf(jobVariables(server, "pull_request"))).toContain("(WrongIdentity)");
  });

  test("where Google refuses, and nothing is cached", async () => {
    server.tokens = () => oauthFault("invalid_grant", "Token has been expired or revoked.");
    expect(await refusalOf()).toContain("(SessionExpired)");
    server.tokens = (kind) => (kind === "act" ? googleFault(403, "PERMISSION_DENIED", "no", "forbidden") : undefined);
    expect(await refusalOf()).toContain("(ImpersonationDenied)");
    server.tokens = () => new Response("down", { status: 503 });
    expect(await refusalOf()).toContain("(GcpUnreachable)");
    expect(await readdir(folder()).catch(() => [])).toEqual([]);
  });
});
