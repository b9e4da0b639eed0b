import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { type GoogleServer, gcpFleet, openGoogleServer } from "#tests/support/google-server.ts";
import { openMachine } from "#tests/support/metadata-server.ts";

/** Whatever a file of credentials says: requests go to Google, or to this computer. */

let server: GoogleServer;
const machine = openMachine();
beforeAll(async () => {
  server = await openGoogleServer();
});
afterAll(async () => await Promise.all([server.close(), machine.close()]));

type File = { readonly [field: string]: unknown };

const here = `http://${machine.host}`;
const sts = "https://sts.googleapis.com/v1";
const becomes =
  "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken";
const person = { type: "authorized_user", client_id: "c", client_secret: "s", refresh_token: "r" };
const workload = (source: File): File => ({
  type: "external_account",
  audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
  subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
  token_url: `${sts}/token`,
  service_account_impersonation_url: becomes,
  credential_source: source,
});
const files: readonly (readonly [string, File])[] = [
  ["a person's", { ...person, token_uri: "https://oauth2.googleapis.com/token", universe_domain: "googleapis.com" }],
  [
    "a person's of a workforce pool",
    { ...person, type: "external_account_authorized_user", audience: "a", token_url: `${sts}/oauthtoken` },
  ],
  [
    "a service account's",
    { type: "impersonated_service_account", service_account_impersonation_url: becomes, source_credentials: person },
  ],
  ["a machine's", workload({ url: `${here}/subject`, headers: { Metadata: "True" } })],
  [
    "a machine's in AWS",
    workload({
      environment_id: "aws1",
      region_url: `${here}/latest/meta-data/placement/availability-zone`,
      url: `${here}/latest/meta-data/iam/security-credentials`,
      imdsv2_session_token_url: `${here}/latest/api/token`,
      regional_cred_verification_url: "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    }),
  ],
];

const elsewhere = [
  "evil.example",
  "//evil.example",
  " https://evil.example/x",
  "https:evil.example",
  "HTTPS://EVIL.example/x",
  "https://sts.googleapis.com@evil.example/v1/token",
  "https://sts.googleapis.com.evil.example/v1/token",
  "https://evil.example/sts.googleapis.com",
  "https://evil.example\\@127.0.0.1/",
  "https://127.0.0.1@evil.example/",
  "https://storage.googleapis.com/evil/x",
];

function pathsOf(file: File, above: readonly string[] = []): readonly (readonly string[])[] {
  return Object.entries(file).flatMap(([field, value]) => [
    [...above, field],
    ...(typeof value === "object" ? pathsOf(value as File, [...above, field]) : []),
  ]);
}

const asWritten = (field: string): string => field;
/** Google's library takes this form, too. */
const inCamelCase = (field: string): string => field.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function replaceAt(file: File, [field = "", ...below]: readonly string[], value: string, spell = asWritten): File {
  const { [field]: old, ...others } = file;
  if (below.length === 0) return { ...others, [spell(field)]: value };
  return { ...others, [field]: replaceAt(old as File, below, value, spell) };
}

test.each(files)("no field of %s credentials leads elsewhere", async (_, file) => {
  const path = join(server.folder, "file.json");
  const open = async (content: File) => {
    await Bun.write(path, JSON.stringify(content));
    return await createGcpClients(gcpFleet, { ...server.variables, GOOGLE_APPLICATION_CREDENTIALS: path }).base();
  };
  await open(file);
  for (const field of pathsOf(file)) {
    for (const content of elsewhere.flatMap((url) =>
      [asWritten, inCamelCase].map((spell) => replaceAt(file, field, url, spell)),
    )) {
      // The guard of tests refuses requests to other hosts in these words.
      const failure: unknown = await open(content).catch((error: unknown) => error);
      if (failure instanceof Error) expect(failure).toBeInstanceOf(FleetError);
      expect(Bun.inspect(failure)).not.toContain("a test asked for");
    }
  }
});
