import { type Clock, systemClock } from "#lib/clock.ts";
import { clusterAccounts, findManagement } from "#lib/cloud/accounts.ts";
import { describeHop, type Hop } from "#lib/cloud/hops.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Caller, GcpActor } from "#lib/gcp/clients.ts";
import type { GcpSession } from "#lib/gcp/create-clients.ts";
import { cloudPlatform } from "#lib/gcp/credentials/scopes.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { emailOf } from "#lib/gcp/names.ts";
import { proveProject } from "#lib/gcp/project.ts";

/**
 * Takes each step: the credentials of this computer or job, the service account of the management project, those of the projects with
 * clusters; and looks whether each project is the fleet's. Changes nothing.
 */
export async function whoami(
  fleet: Pick<Fleet, "accounts" | "clusters">,
  gcp: GcpSession,
  clock: Clock = systemClock,
): Promise<readonly Hop[]> {
  const management = findManagement(fleet, "gcp");
  if (management === undefined) return [];
  const base = await describeHop("base", "", async () => ({ identity: format(await gcp.base()), expires: undefined }));
  if (base.result.kind === "failed") return [base];
  const actors: readonly GcpActor[] = [
    { account: management, as: "management" },
    // The management account's own clusters are created by the same service account.
    ...clusterAccounts(fleet, "gcp")
      .filter(({ name }) => name !== management.name)
      .map((account): GcpActor => ({ account, as: "clusters" })),
  ];
  const hops = actors.map((actor) =>
    describeHop(actor.account.name, actor.account.projectId, async () => {
      const { expires } = await gcp.token(actor, [cloudPlatform]);
      await look(gcp, actor, clock);
      return { identity: format(await gcp.caller(actor), actor.account), expires };
    }),
  );
  return [base, ...(await Promise.all(hops))];
}

/** @throws FleetError WrongAccount, ProjectUnusable, and those of Rest */
async function look(gcp: GcpSession, actor: GcpActor, clock: Clock): Promise<void> {
  const { account } = actor;
  const world = { clock, signal: new AbortController().signal, progress: () => undefined };
  const found = await gcp.rest(actor).get(world, "cloudresourcemanager", `v3/projects/${account.projectId}`);
  if (found !== undefined) return proveProject(account, found);
  throw new FleetError("WrongAccount", `${account.name}: there is no project ${account.projectId}`, {
    hint: "correct projectId in clusters/gcp.ts: gcloud projects list shows it",
  });
}

/** `user ann@example.org`; service accounts of the step's own project by their names in it. */
function format({ kind, name }: Caller, account?: GcpAccount): string {
  return `${kind} ${account === undefined ? name : name.replace(emailOf(account, ""), "")}`;
}
