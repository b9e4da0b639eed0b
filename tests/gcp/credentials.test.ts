import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { findEndpoints } from "#lib/gcp/credentials/endpoints.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { maskKnown } from "#lib/secrets.ts";
import { failureOf } from "#tests/support/failure.ts";
import {
  account,
  type GoogleServer,
  gcpFleet,
  googleFault,
  management,
  oauthFault,
  openGoogleServer,
} from "#tests/support/google-server.ts";

let server: GoogleServer;
beforeEach(async () => {
  server = await openGoogleServer();
});
afterEach(async () => await server.close());

const full = "k8s-multicluster-gitops@mylabs-mgmt.iam.gserviceaccount.com";
const open = (variables: Readonly<Record<string, string>> = {}) =>
  createGcpClients(gcpFleet, { ...server.variables, ...variables });

/** A file of credentials, named or where gcloud writes it. */
async function write(file: object, path = join(server.folder, "file.json")): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await Bun.write(path, JSON.stringify(file));
  return path;
}

const user = { type: "authorized_user", client_id: "c", client_secret: "a-client-secret", refresh_token: "for-ann" };
const impersonation = (email: string) =>
  `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`;
const key = () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { type: "service_account", client_email: "robot@x.iam.gserviceaccount.com", private_key: pem };
};

describe("credentials", () => {
  test("are found where gcloud writes them", async () => {
    const config = join(server.folder, "config");
    await write(user, join(config, "application_default_credentials.json"));
    const home = { GOOGLE_APPLICATION_CREDENTIALS: "", CLOUDSDK_CONFIG: config };
    expect(await open(home).base()).toEqual({ kind: "user", name: "ann@example.org" });
    await write(user, join(server.folder, ".config/gcloud/application_default_credentials.json"));
    const usual = { GOOGLE_APPLICATION_CREDENTIALS: "", HOME: server.folder };
    expect(await open(usual).base()).toEqual({ kind: "user", name: "ann@example.org" });
  });

  test("may be a service account's key, but only if a variable names it", async () => {
    const path = await write(key());
    const robot = { kind: "service account", name: "robot@x.iam.gserviceaccount.com" } as const;
    expect(await open({ GOOGLE_APPLICATION_CREDENTIALS: path }).base()).toEqual(robot);
    await write(key(), join(server.folder, "application_default_credentials.json"));
    const found = open({ GOOGLE_APPLICATION_CREDENTIALS: "", CLOUDSDK_CONFIG: server.folder });
    const failure = await failureOf(found.base());
    expect([failure.code, failure.message]).toEqual([
      "CredentialsMissing",
      expect.stringContaining("key of a service"),
    ]);
  });

  test("may be of a workload elsewhere, which becomes a service account", async () => {
    await Bun.write(join(server.folder, "token"), "of-the-workload");
    const file = {
      type: "external_account",
      audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: "https://sts.googleapis.com/v1/token",
      credential_source: { file: join(server.folder, "token") },
    };
    expect(await open({ GOOGLE_APPLICATION_CREDENTIALS: await write(file) }).base()).toEqual({
      kind: "federated",
      name: file.audience,
    });
    const asked = { ...file, service_account_impersonation_url: impersonation(full) };
    const clients = open({ GOOGLE_APPLICATION_CREDENTIALS: await write(asked) });
    // It already is the service account: no second hop.
    expect(await clients.caller({ account: management, as: "management" })).toEqual({
      kind: "service account",
      name: full,
    });
    expect(server.asked.filter((line) => line.startsWith("act"))).toEqual([
      `act job → ${full} cloud-platform userinfo.email`,
    ]);
  });

  test("may act as a service account from the start", async () => {
    const file = {
      type: "impersonated_service_account",
      source_credentials: user,
      service_account_impersonation_url: impersonation("robot@x.iam.gserviceaccount.com"),
    };
    const clients = open({ GOOGLE_APPLICATION_CREDENTIALS: await write(file) });
    expect((await clients.base()).name).toBe("robot@x.iam.gserviceaccount.com");
    // With the email: kubectl may get this token.
    expect(server.asked).toEqual([
      "token ann",
      "act ann@example.org → robot@x.iam.gserviceaccount.com cloud-platform userinfo.email",
    ]);
  });

  test("that are missing are reported", async () => {
    const failure = await failureOf(open({ GOOGLE_APPLICATION_CREDENTIALS: "/nowhere.json" }).base());
    expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining("/nowhere.json")]);
    expect(server.asked).toEqual([]);
  });

  test.each([
    ["invalid_grant", "Token has been expired or revoked.", "SessionExpired"],
    ["invalid_grant", "reauth related error (invalid_rapt)", "SessionExpired"],
    ["invalid_client", "The OAuth client was not found.", "SignInRefused"],
    ["unauthorized_client", "The given credential is rejected by the attribute condition.", "SignInRefused"],
    ["invalid_target", 'The target service indicated by the "audience" parameters is invalid.', "SignInRefused"],
  ])("refused with %s: %s", async (error, description, code) => {
    server.tokens = () => oauthFault(error, description);
    const failure = await failureOf(open().base());
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(description.replace(/\.$/, ""))]);
    expect(server.asked).toEqual(["token ann"]);
  });

  test("are secrets, and so are the tokens", async () => {
    const { token } = await open().token({ account, as: "clusters" }, [
      "https://www.googleapis.com/auth/cloud-platform",
    ]);
    expect(maskKnown(`${token} a-client-secret`, "***")).toBe("*** ***");
  });
});

describe("service accounts", () => {
  test("are entered again before their tokens expire", async () => {
    const clients = open();
    server.tokens = (kind, email) =>
      kind === "act"
        ? Response.json({
            accessToken: `ya29.${email}.${server.asked.length}`,
            // Less than what a long call may need.
            expireTime: new Date(Date.now() + 4 * 60_000).toISOString(),
          })
        : undefined;
    const actor = { account: management, as: "management" } as const;
    const first = await clients.token(actor, ["s"]);
    expect((await clients.token(actor, ["s"])).token).not.toBe(first.token);
    expect(server.asked.filter((line) => line.startsWith("token")).length).toBe(1);
  });

  test("are entered once, however many ask", async () => {
    const clients = open();
    await Promise.all(Array.from({ length: 8 }, () => clients.caller({ account, as: "clusters" })));
    expect(server.asked.length).toBe(3);
  });

  test.each([
    [full, "gcp-mgmt", "operators of gcp-mgmt"],
    ["k8s-multicluster-gitops@mylabs-01.iam.gserviceaccount.com", "gcp-01", "create:gcp-tenant"],
  ])("that refuse: %s", async (refusing, name, hint) => {
    server.tokens = (kind, email) =>
      kind === "act" && email === refusing ? googleFault(403, "PERMISSION_DENIED", "no", "forbidden") : undefined;
    const failure = await failureOf(open().caller({ account, as: "clusters" }));
    expect([failure.code, failure.message]).toEqual([
      "ImpersonationDenied",
      expect.stringContaining(`may not act as ${refusing}`),
    ]);
    expect(failure.message).toStartWith(`${name}: `);
    expect(JSON.stringify(failure.hint)).toContain(hint);
  });

  test("of placeholders are not entered, except in an emulator", async () => {
    const placeholder: GcpAccount = { ...account, projectId: "example-01" };
    const { variables } = server;
    const fleet = { ...gcpFleet, accounts: [management, placeholder] };
    const actor = { account: placeholder, as: "clusters" } as const;
    expect((await createGcpClients(fleet, variables).caller(actor)).name).toContain("@example-01.");
    const real = { GOOGLE_APPLICATION_CREDENTIALS: variables.GOOGLE_APPLICATION_CREDENTIALS ?? "" };
    expect((await failureOf(createGcpClients(fleet, real).caller(actor))).code).toBe("PlaceholderAccount");
  });
});

describe("endpoints", () => {
  const all = () => {
    const { GOOGLE_APPLICATION_CREDENTIALS, REQUESTS_CA_BUNDLE, ...rest } = server.variables;
    return rest;
  };

  test("are Google's, or an emulator's", () => {
    expect(findEndpoints({})).toMatchObject({
      services: {
        compute: "https://compute.googleapis.com/compute/v1/",
        dns: "https://dns.googleapis.com/",
        sts: "https://sts.googleapis.com/",
      },
      token: "https://oauth2.googleapis.com/token",
    });
    expect(findEndpoints(all()).services.dns).toBe(`${server.url}/dns/`);
  });

  test("lead all calls elsewhere, or none", () => {
    const { CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM: _, ...some } = all();
    expect(() => findEndpoints(some)).toThrow("sends some calls for Google elsewhere");
  });

  test("elsewhere than on this computer have to be allowed", () => {
    const there = Object.fromEntries(Object.keys(all()).map((name) => [name, "https://google.example/x"]));
    expect(() => findEndpoints(there)).toThrow("to https://google.example/x");
    const allowed = findEndpoints({ ...there, ALLOWED_GCP_ENDPOINTS: "other.example, google.example" });
    expect(allowed.services.iam).toBe("https://google.example/x/");
  });
});
