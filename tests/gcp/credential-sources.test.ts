import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { readSubjectToken } from "#lib/gcp/credentials/subject-token.ts";
import { maskKnown } from "#lib/secrets.ts";
import { failureOf } from "#tests/support/failure.ts";
import { account, type GoogleServer, gcpFleet, management, openGoogleServer } from "#tests/support/google-server.ts";
import { openMachine } from "#tests/support/metadata-server.ts";

let server: GoogleServer;
let machine: ReturnType<typeof openMachine>;
beforeEach(async () => {
  server = await openGoogleServer();
  machine = openMachine();
});
afterEach(async () => {
  await Promise.all([server.close(), machine.close()]);
});

const full = "k8s-multicluster-gitops@mylabs-mgmt.iam.gserviceaccount.com";
const robot = "robot@x.iam.gserviceaccount.com";
const audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x";
const open = (variables: Readonly<Record<string, string>>) =>
  createGcpClients(gcpFleet, { ...server.variables, ...variables });

/** Clients with a file of credentials. */
async function openFile(file: unknown, variables: Readonly<Record<string, string>> = {}) {
  const path = join(server.folder, "file.json");
  await Bun.write(path, typeof file === "string" ? file : JSON.stringify(file));
  return open({ GOOGLE_APPLICATION_CREDENTIALS: path, ...variables });
}

const external = (source: object, more: object = {}) => ({
  type: "external_account",
  audience,
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: "https://sts.googleapis.com/v1/token",
  credential_source: source,
  ...more,
});
const impersonation = (email: string) =>
  `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`;
const subjects = () => server.forms.map(({ form }) => form.subject_token);

describe("the service account of the machine", () => {
  const openHere = (host = machine.host) =>
    open({ GOOGLE_APPLICATION_CREDENTIALS: "", METADATA_SERVER_DETECTION: "assume-present", GCE_METADATA_HOST: host });

  test("comes from the metadata server, which names it", async () => {
    const clients = openHere();
    expect(await clients.base()).toEqual({ kind: "service account", name: machine.email });
    await clients.token({ account, as: "clusters" }, ["https://www.googleapis.com/auth/cloud-platform"]);
    expect(machine.asked).toEqual([
      "GET /computeMetadata/v1/instance/service-accounts/default/email",
      "GET /computeMetadata/v1/instance/service-accounts/default/token?scopes=https://www.googleapis.com/auth/cloud-platform,https://www.googleapis.com/auth/userinfo.email",
    ]);
    expect(maskKnown("ya29.of-the-machine", "***")).toBe("***");
  });

  test("may be that of the management project: no step is needed", async () => {
    machine.email = full;
    expect((await openHere().caller({ account: management, as: "management" })).name).toBe(full);
    expect(server.asked).toEqual([]);
  });

  test("is a pool's identity in a pod without one", async () => {
    machine.email = "mylabs-mgmt.svc.id.goog";
    expect(await openHere().base()).toEqual({ kind: "federated", name: "mylabs-mgmt.svc.id.goog" });
  });

  test.each([
    ["a machine without one", 404, "Google", "it has no service account"],
    ["a metadata server that fails", 503, "Google", "its metadata server answers 503"],
    ["a server of somebody else", 200, "", "is not Google's"],
  ])("is missing: %s", async (_, status, flavor, why) => {
    Object.assign(machine, { status, flavor });
    const failure = await failureOf(openHere().base());
    expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining(why)]);
  });

  test("is missing where nothing answers", async () => {
    await machine.close();
    const failure = await failureOf(openHere().base());
    expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining("127.0.0.1")]);
    expect(JSON.stringify(failure.hint)).toContain("METADATA_SERVER_DETECTION");
  });

  test("never comes from elsewhere", async () => {
    const failure = await failureOf(openHere("metadata.example").base());
    expect([failure.code, failure.message]).toEqual(["EndpointRefused", expect.stringContaining("metadata.example")]);
  });
});

describe("a workload elsewhere has its token", () => {
  test("from a server on its machine, as text or JSON", async () => {
    const url = `http://${machine.host}/subject`;
    const clients = await openFile(external({ url, headers: { Metadata: "True" } }));
    expect(await clients.base()).toEqual({ kind: "federated", name: audience });
    const format = { type: "json", subject_token_field_name: "access_token" };
    await (await openFile(external({ url: `${url}.json`, headers: { Metadata: "True" }, format }))).base();
    expect(subjects()).toEqual(["subject-of-the-machine", "subject-of-the-machine"]);
    expect(maskKnown("subject-of-the-machine", "***")).toBe("***");
  });

  test("from the job of GitHub that runs it, and from no other host", async () => {
    const file = external({ url: "https://pipelines.example/id?audience=x", headers: { authorization: "bearer x" } });
    expect((await failureOf((await openFile(file)).base())).code).toBe("EndpointRefused");
    const clients = await openFile(file, { ACTIONS_ID_TOKEN_REQUEST_URL: "https://pipelines.example/other" });
    // The guard of tests stops it at the last moment.
    await expect(clients.base()).rejects.toThrow("a test asked for https://pipelines.example");
  });

  test("from AWS, where the machine signs who it is, and keeps its key", async () => {
    const there = `http://${machine.host}/latest`;
    const source = {
      environment_id: "aws1",
      region_url: `${there}/meta-data/placement/availability-zone`,
      url: `${there}/meta-data/iam/security-credentials`,
      imdsv2_session_token_url: `${there}/api/token`,
      regional_cred_verification_url: "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    };
    const type = "urn:ietf:params:aws:token-type:aws4_request";
    const clients = await openFile(external(source, { subject_token_type: type }));
    expect(await clients.base()).toEqual({ kind: "federated", name: audience });
    const [subject = ""] = subjects();
    const signed = JSON.parse(decodeURIComponent(subject ?? "")) as {
      readonly url: string;
      readonly headers: readonly { readonly key: string; readonly value: string }[];
    };
    expect(signed.url).toStartWith("https://sts.eu-west-1.amazonaws.com");
    expect(signed.headers).toContainEqual({ key: "x-goog-cloud-target-resource", value: audience });
    expect(decodeURIComponent(subject ?? "")).not.toContain("secret-of-the-role");
  });

  describe("from a program", () => {
    const allowed = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";
    afterEach(() => {
      delete Bun.env[allowed];
    });
    const write = async (lines: string) => {
      const path = join(server.folder, "subject.sh");
      await Bun.write(path, `#!/bin/sh\n${lines}\n`);
      await chmod(path, 0o700);
      return external({ executable: { command: path, timeout_millis: 5_000 } });
    };
    const answer = {
      version: 1,
      success: true,
      token_type: "urn:ietf:params:oauth:token-type:id_token",
      id_token: "subject-of-the-program",
    };

    test("if a variable allows it", async () => {
      const file = await write(`echo '${JSON.stringify(answer)}'`);
      const failure = await failureOf((await openFile(file)).base());
      expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining(allowed)]);
      Bun.env[allowed] = "1";
      expect((await (await openFile(file)).base()).name).toBe(audience);
      expect(subjects()).toEqual(["subject-of-the-program"]);
    });

    test.each([
      ["echo subject-of-the-program", "The executable returned an invalid response"],
      ["echo subject-of-the-program; exit 3", "The executable failed with exit code: 3"],
    ])("which fails, and whose output is not shown: %s", async (lines, why) => {
      Bun.env[allowed] = "1";
      const failure = await failureOf((await openFile(await write(lines))).base());
      expect([failure.code, failure.message]).toEqual(["CredentialsMissing", expect.stringContaining(why)]);
      expect(Bun.inspect(failure)).not.toContain("subject-of-the-program");
    });
  });

  test("or none, and a deadline that passes later harms nobody", async () => {
    const deadline = new AbortController();
    const request = { path: "/file.json", variables: {}, send: fetch, signal: deadline.signal };
    await expect(readSubjectToken(external({}), request)).rejects.toThrow("credential_source");
    deadline.abort(new Error("too late"));
    await Bun.sleep(1);
  });

  test("and may have a client, a project to count calls for, and a lifetime", async () => {
    const source = { url: `http://${machine.host}/subject`, headers: { Metadata: "True" } };
    await (await openFile(external(source, { client_id: "app", client_secret: "secret-of-app" }))).base();
    await (await openFile(external(source, { workforce_pool_user_project: "77" }))).base();
    const more = {
      service_account_impersonation_url: impersonation(robot),
      service_account_impersonation: { token_lifetime_seconds: 900 },
    };
    expect((await (await openFile(external(source, more))).base()).name).toBe(robot);
    expect(server.forms.map(({ client, form }) => [client, form.options])).toEqual([
      ["app:secret-of-app", undefined],
      ["", '{"userProject":"77"}'],
      ["", undefined],
    ]);
    expect(server.acts).toEqual([{ lifetime: "900s" }]);
  });
});

describe("credentials of a person", () => {
  test("of a workforce pool are refreshed by its client, and kept", async () => {
    const file = {
      type: "external_account_authorized_user",
      audience: "//iam.googleapis.com/locations/global/workforcePools/p/providers/x",
      refresh_token: "refresh-of-ann",
      client_id: "app",
      client_secret: "secret-of-app",
      token_url: "https://sts.googleapis.com/v1/oauthtoken",
    };
    const clients = await openFile(file);
    expect(await clients.base()).toEqual({ kind: "federated", name: file.audience });
    await clients.base();
    const form = { grant_type: "refresh_token", refresh_token: "refresh-of-ann" };
    expect(server.forms).toEqual([{ client: "app:secret-of-app", form }]);
    expect(maskKnown("refresh-of-ann secret-of-app", "***")).toBe("*** ***");
  });

  test("may lead to a service account through others", async () => {
    const delegates = [`projects/-/serviceAccounts/first@x.iam.gserviceaccount.com`];
    const file = {
      type: "impersonated_service_account",
      service_account_impersonation_url: impersonation(robot),
      delegates,
      source_credentials: { type: "authorized_user", client_id: "c", client_secret: "s", refresh_token: "r" },
    };
    expect((await (await openFile(file)).base()).name).toBe(robot);
    expect(server.acts).toEqual([{ lifetime: "3600s", delegates }]);
  });
});

describe("a file is refused, and nothing is sent,", () => {
  const url = "https://evil.example/x";
  const user = { type: "authorized_user", client_id: "c", client_secret: "s", refresh_token: "r" };
  test.each([
    ["that sends tokens elsewhere", external({ file: "/dev/null" }, { token_url: url }), "EndpointRefused", "evil"],
    [
      "that sends tokens to a store of Google's",
      external({ file: "/dev/null" }, { token_url: "https://firebasestorage.googleapis.com/v0/b/evil/o?name=x" }),
      "EndpointRefused",
      "firebasestorage",
    ],
    [
      "that sends tokens to Google in plain text",
      external({ file: "/dev/null" }, { token_url: "http://sts.googleapis.com/v1/token" }),
      "EndpointRefused",
      "http://sts",
    ],
    [
      "that becomes somebody elsewhere",
      external({ file: "/dev/null" }, { service_account_impersonation_url: url }),
      "EndpointRefused",
      "evil",
    ],
    [
      "in another one",
      { type: "impersonated_service_account", source_credentials: external({}, { token_url: url }) },
      "EndpointRefused",
      "evil",
    ],
    ["with a source elsewhere", external({ url }), "EndpointRefused", "evil"],
    ["of another universe", { ...user, universe_domain: "evil.example" }, "CredentialsMissing", "evil.example"],
    [
      "with a certificate",
      external({ certificate: { use_default_certificate_config: true } }),
      "CredentialsMissing",
      "certificate",
    ],
    ["without a source", external({}), "CredentialsMissing", "credential_source"],
    ["in a second spelling", external({ Url: url, regionUrl: url }), "CredentialsMissing", "credential_source"],
    ["of an unknown type", { type: "gdch_service_account" }, "CredentialsMissing", "gdch_service_account"],
    [
      "without a refresh token",
      { ...user, refresh_token: undefined },
      "CredentialsMissing",
      "they have no refresh_token",
    ],
    ["that is no object", "[1", "CredentialsMissing", "they are not a JSON object"],
    ["that is empty", "null", "CredentialsMissing", "they are not a JSON object"],
  ])("%s", async (_, file, code, named) => {
    const failure = await failureOf((await openFile(file)).base());
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(named)]);
    expect([server.asked, machine.asked]).toEqual([[], []]);
  });

  test("whose text is never shown", async () => {
    const failure = await failureOf((await openFile("ya29_a_token_instead_of_a_file")).base());
    expect(Bun.inspect(failure)).not.toContain("ya29");
  });

  test("unless its host is allowed", async () => {
    const clients = await openFile(
      external(
        { url: `http://${machine.host}/subject`, headers: { Metadata: "True" } },
        { token_url: "https://evil.example/token" },
      ),
      { ALLOWED_GCP_ENDPOINTS: "evil.example" },
    );
    // The guard of tests stops it at the last moment.
    await expect(clients.base()).rejects.toThrow("a test asked for https://evil.example");
  });
});

test("a token follows no redirect", async () => {
  server.tokens = () => Response.redirect(`http://${machine.host}/subject`, 307);
  const failure = await failureOf(open({}).base());
  expect(failure.code).toBe("GcpFailed");
  expect(machine.asked).toEqual([]);
});

test.each([
  ["in a wrong field", '{"accessToken":"half-an-answer"}'],
  ["cut off", '{"access_token":"half-an-answer'],
])("an answer with a token %s is not shown", async (_, text) => {
  server.tokens = () => new Response(text);
  const failure = await failureOf(open({}).base());
  expect([failure.code, Bun.inspect(failure).includes("half-an-answer")]).toEqual(["GcpFailed", false]);
});
