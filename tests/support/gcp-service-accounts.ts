import { systemClock } from "#lib/clock.ts";
import type { Calling, GcpActor, Json } from "#lib/gcp/clients.ts";
import type { createGcpClients } from "#lib/gcp/create-clients.ts";
import { emailOf, serviceAccountNames } from "#lib/gcp/names.ts";
import { administratorMember } from "#sandbox/gcp/oauth/administrators.ts";
import { account, management } from "#tests/support/google-server.ts";

type Clients = ReturnType<typeof createGcpClients>;

/** A run whose pauses are shorter, as the sandbox is faster than Google. */
export function hastyRun(progress: (message: string) => void = () => undefined): Calling {
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => systemClock.sleep(ms / 30, signal);
  return { clock: { ...systemClock, sleep }, signal: new AbortController().signal, progress };
}

/** Both projects of `gcpFleet` in the sandbox, as an owner sets them up: APIs, service accounts, and who may act as them. */
export async function setUpProjects(gcp: Clients, world: Calling): Promise<void> {
  for (const one of [management, account]) await setUpProject(gcp, world, { account: one, as: "administrator" });
  const full = emailOf(management, serviceAccountNames.clusters);
  const role = "roles/iam.serviceAccountTokenCreator";
  await admit(gcp, world, { account: management, as: "administrator" }, full, { role, members: [administratorMember] });
  const inAccount = emailOf(account, serviceAccountNames.clusters);
  const binding = { role, members: [`serviceAccount:${full}`] };
  await admit(gcp, world, { account, as: "administrator" }, inAccount, binding);
  // By both hops, which are just allowed.
  await gcp.caller({ account, as: "clusters" }, world);
}

async function setUpProject(gcp: Clients, world: Calling, actor: GcpActor): Promise<void> {
  const { projectId } = actor.account;
  const rest = gcp.rest(actor);
  const serviceIds = ["iam", "iamcredentials", "dns"].map((name) => `${name}.googleapis.com`);
  await rest.send(world, "serviceusage", "POST", `v1/projects/${projectId}/services:batchEnable`, { serviceIds });
  gcp.accessChanged(actor.account);
  for (const accountId of [serviceAccountNames.clusters, serviceAccountNames.readOnly]) {
    await rest.send(world, "iam", "POST", `v1/projects/${projectId}/serviceAccounts`, { accountId });
  }
}

/** Lets members act as a service account. */
export async function admit(
  gcp: Clients,
  world: Calling,
  actor: GcpActor,
  email: string,
  binding: { readonly role: string; readonly members: readonly string[] },
): Promise<void> {
  const rest = gcp.rest(actor);
  const path = `v1/projects/${actor.account.projectId}/serviceAccounts/${email}`;
  const version = { "options.requestedPolicyVersion": 3 };
  const policy = await rest.send(world, "iam", "POST", `${path}:getIamPolicy`, undefined, version);
  const bindings = [...((policy.bindings ?? []) as readonly Json[]), binding];
  await rest.send(world, "iam", "POST", `${path}:setIamPolicy`, { policy: { ...policy, bindings, version: 3 } });
  gcp.accessChanged(actor.account);
}
