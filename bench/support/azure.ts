import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { CloudSandbox } from "#tests/support/cloud-sandbox.ts";

/** How programs enter the sandbox's Azure. */
export interface AzureEntrance {
  /** Of our tasks. Empty variables shut off what could lead out of the sandbox. */
  readonly env: Readonly<Record<string, string>>;
  /** Leads programs that know only the public cloud. */
  readonly proxy: string;
}

export async function enterAzure(
  { sandbox, folder }: CloudSandbox,
  accounts: readonly AzureAccount[],
  args: readonly string[] = [],
): Promise<AzureEntrance> {
  const known = accounts.flatMap((account) => ["--account", JSON.stringify(account)]);
  const { env } = JSON.parse(await sandbox("up", ...args, ...known)) as Pick<AzureEntrance, "env">;
  const { azure } = JSON.parse(await sandbox("status")) as { readonly azure: Pick<AzureEntrance, "proxy"> };
  return { env: { ...env, HOME: folder, CI: "true" }, proxy: azure.proxy };
}

/** Of `az`, which knows the public cloud by its host names. */
export function azVariables(env: Readonly<Record<string, string>>, proxy: string): Readonly<Record<string, string>> {
  return {
    ...env,
    ARM_METADATA_HOSTNAME: "",
    HTTPS_PROXY: proxy,
    NO_PROXY: "",
    AZURE_CORE_COLLECT_TELEMETRY: "no",
    AZURE_CORE_ONLY_SHOW_ERRORS: "yes",
  };
}
