import { statSync } from "node:fs";
import type { Choice } from "#lib/azure/credentials/choice.ts";
import { tokenPath } from "#lib/cloud/token-cache.ts";

type Variables = Readonly<Record<string, string>>;

/** The file for one tenant, scope and caller. */
export function azureTokenPath(
  folder: string,
  { tenantId, scope }: { readonly tenantId: string; readonly scope: string },
  choice: Choice,
  variables: Variables,
): string {
  const { ARM_METADATA_HOSTNAME: host = "" } = variables;
  const tenant = tenantId.toLowerCase();
  return tokenPath(folder, tenant, [tenant, scope, host, ...identityOf(choice, variables)]);
}

/** All that decides who acts. After another login of az, another token is fetched. */
function identityOf(choice: Choice, variables: Variables): readonly string[] {
  if (choice.kind !== "az") {
    const { GITHUB_RUN_ID: run = "", GITHUB_JOB: job = "" } = variables;
    return [...Object.values(choice), ...(choice.kind === "github" ? [run, job] : [])];
  }
  const { AZURE_CONFIG_DIR, HOME = "" } = variables;
  const folder = AZURE_CONFIG_DIR || `${HOME}/.azure`;
  return ["az", folder, String(statSync(`${folder}/azureProfile.json`, { throwIfNoEntry: false })?.mtimeMs)];
}
