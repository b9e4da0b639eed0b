import { FleetError } from "#lib/errors.ts";
import type { Json } from "#lib/gcp/clients.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";

/**
 * Compares a project, as Resource Manager answers it, with the fleet.
 *
 * @param found of `v3/projects/ID`
 * @throws FleetError WrongAccount, ProjectUnusable
 */
export function proveProject({ name, projectId, projectNumber }: GcpAccount, found: Json): void {
  const pairs = [
    ["projectId", found.projectId, projectId],
    ["projectNumber", String(found.name ?? "").replace(/^projects\//, ""), projectNumber],
  ] as const;
  for (const [field, value, wanted] of pairs) {
    if (value === wanted) continue;
    throw new FleetError("WrongAccount", `${name}: ${field} is ${value || "missing"}, the fleet says ${wanted}`, {
      hint: `correct ${field} in clusters/gcp.ts: gcloud projects list shows both`,
    });
  }
  if (found.state === "ACTIVE") return;
  throw new FleetError("ProjectUnusable", `${name}: the project is in the state ${String(found.state)}`, {
    hint: `nothing can be created in it. For 30 days it can be restored: gcloud projects undelete ${projectId}`,
  });
}
