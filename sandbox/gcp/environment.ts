import { join } from "node:path";
import { tryReadText, writePrivateFile } from "#lib/files.ts";
import type { CloudAccount, CloudPlace } from "#sandbox/cloud/cloud.ts";
import type { Project } from "#sandbox/gcp/cloud.ts";
import { userCredentials } from "#sandbox/gcp/oauth/administrators.ts";

/** Variables that would point programs elsewhere, or change their identity. */
const emptied = [
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
  "CLOUDSDK_ACTIVE_CONFIG_NAME",
  "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
  "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
  "CLOUDSDK_CORE_ACCOUNT",
  "CLOUDSDK_CORE_PROJECT",
  "GCE_METADATA_HOST",
  "GCE_METADATA_IP",
  "GCLOUD_PROJECT",
  "GOOGLE_CLOUD_PROJECT",
  "GOOGLE_CLOUD_QUOTA_PROJECT",
  "GOOGLE_CLOUD_UNIVERSE_DOMAIN",
] as const;

/** APIs by the words of gcloud's variables. */
const overrides = [
  "CLOUDRESOURCEMANAGER",
  "COMPUTE",
  "CONTAINER",
  "DNS",
  "IAM",
  "IAMCREDENTIALS",
  "SERVICEUSAGE",
  "STS",
] as const;

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin */
const idForm = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
const numberForm = /^[1-9]\d{5,18}$/;

/** @returns what is wrong with the declaration of an account */
export function checkAccount(account: CloudAccount): string | undefined {
  const { projectId, number } = projectOf(account);
  if (!idForm.test(projectId)) return "projectId has to be 6 to 30 lower-case letters, digits and hyphens";
  return numberForm.test(number) ? undefined : "projectNumber has to be 6 to 19 digits";
}

export function projectOf({ name, projectId, projectNumber }: CloudAccount): Project {
  return { name, projectId: textOf(projectId), number: textOf(projectNumber) };
}

/** Variables for programs that use the sandbox's Google Cloud, as its administrator, who owns all projects. */
export async function env({ endpoint, authorityPath, folder }: CloudPlace): Promise<Readonly<Record<string, string>>> {
  const gcloud = join(folder, "gcloud");
  // Where `gcloud auth application-default login` writes it.
  const credentials = join(gcloud, "application_default_credentials.json");
  const text = JSON.stringify(userCredentials());
  // A new file is another login: cached tokens are not used after it.
  if ((await tryReadText(credentials)) !== text) await writePrivateFile(credentials, text);
  return {
    ...Object.fromEntries(emptied.map((name) => [name, ""])),
    ...endpointVariables(endpoint),
    CLOUDSDK_CONFIG: gcloud,
    // gcloud has names of its own for the file and the authority.
    CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: credentials,
    CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: authorityPath,
    GOOGLE_APPLICATION_CREDENTIALS: credentials,
    REQUESTS_CA_BUNDLE: authorityPath,
    // No client may ask the computer that it runs on.
    METADATA_SERVER_DETECTION: "none",
    NO_GCE_CHECK: "true",
  };
}

/** gcloud's variables that lead to the sandbox. */
export function endpointVariables(endpoint: string): Readonly<Record<string, string>> {
  return {
    ...Object.fromEntries(
      overrides.map((name) => [
        `CLOUDSDK_API_ENDPOINT_OVERRIDES_${name}`,
        // The only one of gcloud's own values that has a version.
        name === "COMPUTE" ? `${endpoint}/compute/v1/` : `${endpoint}/`,
      ]),
    ),
    CLOUDSDK_AUTH_TOKEN_HOST: `${endpoint}/token`,
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
