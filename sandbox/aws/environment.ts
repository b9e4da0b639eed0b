import { writePrivateFile } from "#lib/files.ts";
import { administratorKeys, administratorName } from "#sandbox/aws/iam/administrators.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";
import type { AwsAccountName } from "#sandbox/settings.ts";

const region = "us-east-1";

/** What could lead somebody out of the sandbox who believes to be in it, or in as somebody else. */
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

/** Variables for programs that are to see the sandbox's AWS, as the administrator of the first account. */
export function awsVariables(
  endpoint: string,
  { aws }: Pick<SandboxPaths, "aws">,
  management: AwsAccountName,
): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey } = administratorKeys(management.id);
  return {
    ...Object.fromEntries(emptied.map((name) => [name, ""])),
    AWS_ENDPOINT_URL: endpoint,
    AWS_CONFIG_FILE: aws.config,
    AWS_SHARED_CREDENTIALS_FILE: aws.credentials,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_USER_ARN: `arn:aws:iam::${management.id}:user/${administratorName}`,
  };
}

/** One profile per account, named like the account: what its owner has on a computer. */
export async function writeProfiles(
  { aws }: Pick<SandboxPaths, "aws">,
  accounts: readonly AwsAccountName[],
): Promise<void> {
  const config = accounts.map(({ name }) => `[profile ${name}]\nregion = ${region}\n`);
  const credentials = accounts.map(({ name, id }) => {
    const { accessKeyId, secretAccessKey } = administratorKeys(id);
    return `[${name}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  });
  await writePrivateFile(aws.config, config.join("\n"));
  await writePrivateFile(aws.credentials, credentials.join("\n"));
}
