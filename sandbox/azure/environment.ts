import { join } from "node:path";
import { writeWholeFile } from "#lib/files.ts";
import type { Subscription } from "#sandbox/azure/cloud.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import type { CloudAccount, CloudPlace } from "#sandbox/cloud/cloud.ts";

/** Variables that would point programs elsewhere, or change their identity. */
const emptied = [
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
  "ARM_CLIENT_ID",
  "ARM_CLIENT_SECRET",
  "ARM_ENVIRONMENT",
  "ARM_OIDC_TOKEN",
  "ARM_SUBSCRIPTION_ID",
  "ARM_TENANT_ID",
  "ARM_USE_MSI",
  "ARM_USE_OIDC",
  "AZURE_AUTHORITY_HOST",
  "AZURE_CLIENT_CERTIFICATE_PATH",
  "AZURE_FEDERATED_TOKEN_FILE",
  "AZURE_PASSWORD",
  "AZURE_READ_ONLY_CLIENT_ID",
  "AZURE_TOKEN_CREDENTIALS",
  "AZURE_USERNAME",
  "IDENTITY_ENDPOINT",
  "IDENTITY_HEADER",
  "MSI_ENDPOINT",
  "MSI_SECRET",
] as const;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @returns what is wrong with the declaration of an account */
export function checkAccount(account: CloudAccount): string | undefined {
  const { subscriptionId, tenantId } = subscriptionOf(account);
  if (!uuid.test(subscriptionId)) return "subscriptionId has to be a UUID";
  return uuid.test(tenantId) ? undefined : "tenantId has to be a UUID";
}

export function subscriptionOf({ name, subscriptionId, tenantId }: CloudAccount): Subscription {
  return { name, subscriptionId: textOf(subscriptionId), tenantId: textOf(tenantId) };
}

/** Variables for programs that use the sandbox's Azure, as the administrator of the first account's tenant. */
export async function env(place: CloudPlace): Promise<Readonly<Record<string, string>>> {
  const { endpoint, authorityPath, folder, accounts } = place;
  await writeAz(place);
  const tenant = textOf(accounts[0]?.tenantId);
  const { clientId, secret } = administratorOf(tenant);
  return {
    ...Object.fromEntries(emptied.map((name) => [name, ""])),
    ARM_METADATA_HOSTNAME: new URL(endpoint).host,
    REQUESTS_CA_BUNDLE: authorityPath,
    // az and its login are apart from those of the person.
    AZURE_CONFIG_DIR: `${folder}/az`,
    AZURE_TENANT_ID: tenant,
    AZURE_CLIENT_ID: clientId,
    AZURE_CLIENT_SECRET: secret,
  };
}

/**
 * The Azure CLI knows the public cloud by its host names only, so it gets a proxy that leads them here. Other programs don't: it would be
 * their way to the internet, too.
 */
async function writeAz({ bin, proxyUrl }: CloudPlace): Promise<void> {
  const text = [
    "#!/bin/sh",
    'own=$(dirname "$0")',
    `PATH=$(printf %s "$PATH" | tr : '\\n' | grep -vxF "$own" | paste -sd : -)`,
    `export PATH HTTPS_PROXY=${proxyUrl} NO_PROXY=`,
    'exec az "$@"',
    "",
  ].join("\n");
  await writeWholeFile(join(bin, "az"), text, 0o755);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
