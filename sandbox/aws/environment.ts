import { join } from "node:path";
import { writePrivateFile } from "#lib/files.ts";
import { administratorKeys, administratorName } from "#sandbox/aws/iam/administrators.ts";
import type { CloudAccount, CloudPlace } from "#sandbox/cloud/cloud.ts";

const region = "us-east-1";

/** Variables that would point programs elsewhere, or change their identity. */
const emptied = [
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_DEFAULT_PROFILE",
  "AWS_ENDPOINT_URL_CLOUDFORMATION",
  "AWS_ENDPOINT_URL_EKS",
  "AWS_ENDPOINT_URL_IAM",
  "AWS_ENDPOINT_URL_ROUTE_53",
  "AWS_ENDPOINT_URL_SIGNIN",
  "AWS_ENDPOINT_URL_SSO",
  "AWS_ENDPOINT_URL_SSO_OIDC",
  "AWS_ENDPOINT_URL_STS",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_PROFILE",
  "AWS_ROLE_ARN",
  "AWS_ROLE_SESSION_NAME",
  "AWS_SECURITY_TOKEN",
  "AWS_SESSION_TOKEN",
  "AWS_USE_DUALSTACK_ENDPOINT",
  "AWS_USE_FIPS_ENDPOINT",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
] as const;

/** @returns what is wrong with the declaration of an account */
export function checkAccount({ name, accountId }: CloudAccount): string | undefined {
  if (!/^[\w.-]+$/.test(name)) return "its name has other characters than letters, digits, . _ -";
  return /^\d{12}$/.test(idOf({ accountId })) ? undefined : "accountId has to be twelve digits";
}

/** Variables for programs that use the sandbox's AWS, and one profile per account, named like it. */
export async function env({ endpoint, folder, accounts }: CloudPlace): Promise<Readonly<Record<string, string>>> {
  const [config, credentials] = [join(folder, "config"), join(folder, "credentials")];
  const profiles = accounts.map(({ name }) => `[profile ${name}]\nregion = ${region}\n`);
  const secrets = accounts.map((account) => {
    const { accessKeyId, secretAccessKey } = administratorKeys(idOf(account));
    return `[${account.name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  });
  await writePrivateFile(config, profiles.join("\n"));
  await writePrivateFile(credentials, secrets.join("\n"));
  const management = idOf(accounts[0] ?? {});
  const { accessKeyId, secretAccessKey } = administratorKeys(management);
  return {
    ...Object.fromEntries(emptied.map((name) => [name, ""])),
    AWS_ENDPOINT_URL: endpoint,
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_USER_ARN: `arn:aws:iam::${management}:user/${administratorName}`,
  };
}

function idOf({ accountId }: { readonly [field: string]: unknown }): string {
  return typeof accountId === "string" ? accountId : "";
}
