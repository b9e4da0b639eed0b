import { hasPassed } from "#sandbox/cloud/cloud-base.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { projectOfEmail, tryFindFederation, tryFindProject, tryFindServiceAccount } from "#sandbox/gcp/iam/state.ts";

const email = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;
const inPool =
  /^principal(?:Set)?:\/\/iam\.googleapis\.com\/(projects\/\d+\/locations\/global\/workloadIdentityPools\/([^/]+))\/(?:subject\/.+|group\/.+|attribute\.\w+\/.+|namespace\/[^/]+|\*)$/;

/**
 * What a binding may name.
 *
 * @throws GcpFault 400 for members of an unknown form, and for those of declared projects that are not there (yet)
 */
export function requireMember(cloud: GcpCloud, member: string): void {
  if (member === "allUsers" || member === "allAuthenticatedUsers") return;
  const [, pool, poolId = ""] = inPool.exec(member) ?? [];
  if (pool !== undefined) {
    if (tryFindFederation(cloud, pool) !== undefined) return;
    throw invalidArgument(
      `Identity Pool does not exist (${poolId}). Please check that you specified a valid resource name as returned in the \`name\` attribute in the configuration API.`,
    );
  }
  const [, deleted, kind, id = ""] = /^(deleted:)?(user|serviceAccount|group|domain):(.+)$/.exec(member) ?? [];
  if (kind === undefined || (kind !== "domain" && !email.test(id))) {
    throw invalidArgument(`Invalid member: "${member}" is not of a form that policies know.`);
  }
  if (kind === "serviceAccount" && deleted === undefined) requireServiceAccount(cloud, id);
}

/** Those of other projects count as existing. */
function requireServiceAccount(cloud: GcpCloud, account: string): void {
  if (tryFindProject(cloud, projectOfEmail(account)) === undefined) return;
  const found = tryFindServiceAccount(cloud, account);
  if (found !== undefined && hasPassed(cloud, found.effective)) return;
  throw invalidArgument(`Service account ${account} does not exist.`);
}
