import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { timeAfter } from "#sandbox/cloud/cloud-base.ts";
import type { Behaviours, GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { concurrentChanges, fault, invalidArgument, permissionDenied } from "#sandbox/gcp/api/faults.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { removePolicy, renameMember } from "#sandbox/gcp/iam/policies.ts";
import {
  iamOf,
  isSameEtag,
  newEtag,
  projectOfEmail,
  type ServiceAccount,
  tryFindServiceAccount,
} from "#sandbox/gcp/iam/state.ts";
import { applyMask } from "#sandbox/gcp/iam/update-mask.ts";
import { objectAt, stringAt } from "#sandbox/json.ts";

/** Until bindings may name a new account, as its documentation warns. */
const propagationMs = 7_000;

export const serviceAccounts: Behaviours = {
  "iam.projects.serviceAccounts.create": create,
  "iam.projects.serviceAccounts.get": (call) => describe(findAccount(call)),
  "iam.projects.serviceAccounts.list": (call) => {
    const accounts = Object.values(iamOf(call.cloud, call.project?.projectId ?? "").serviceAccounts);
    return pageOf(call, "accounts", accounts, 100, describe);
  },
  "iam.projects.serviceAccounts.patch": patch,
  "iam.projects.serviceAccounts.delete": remove,
};

/** Name of an account's policy. */
export function accountResource(email: string): string {
  return `projects/${projectOfEmail(email)}/serviceAccounts/${email}`;
}

/** The account that a path names by its email or unique id, in a project or in any. @throws GcpFault 404; 403 for any project */
export function findAccount({ cloud, params, project, method }: GcpCall): ServiceAccount {
  const account = params.serviceAccountsId ?? "";
  const found = tryFindServiceAccount(cloud, account);
  const isAnyProject = params.projectsId === "-";
  if (found !== undefined && (isAnyProject || projectOfEmail(found.email) === project?.projectId)) return found;
  if (!isAnyProject) throw fault("NOT_FOUND", "Unknown service account");
  throw permissionDenied(`iam.serviceAccounts.${method.slice(method.lastIndexOf(".") + 1)}`);
}

/** A key of an account, as the file of a key has it: only operations of the sandbox create some. */
export function createKey(cloud: GcpCloud, email: string): Json {
  const account = tryFindServiceAccount(cloud, email);
  if (account === undefined) throw fault("NOT_FOUND", "Unknown service account");
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const id = randomBytes(20).toString("hex");
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  store(cloud, { ...account, keys: { ...account.keys, [id]: pem } });
  return {
    type: "service_account",
    project_id: projectOfEmail(email),
    private_key_id: id,
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    client_email: email,
    client_id: account.uniqueId,
    auth_uri: "https://accounts.google.com/o/oauth2/auth",
    token_uri: "https://oauth2.googleapis.com/token",
    universe_domain: "googleapis.com",
  };
}

function create({ cloud, project, body }: GcpCall): Json {
  const projectId = project?.projectId ?? "";
  const id = stringAt(body, "accountId");
  if (!/^(?=.{6,30}$)[a-z]([-a-z0-9]*[a-z0-9])?$/.test(id)) {
    throw invalidArgument(
      `Invalid account id "${id}": it has 6 to 30 lower-case letters, digits and hyphens, and begins with a letter.`,
    );
  }
  const email = `${id}@${projectId}.iam.gserviceaccount.com`;
  if (tryFindServiceAccount(cloud, email) !== undefined) {
    throw fault("ALREADY_EXISTS", `Service account ${id} already exists within project projects/${projectId}.`);
  }
  const account: ServiceAccount = {
    email,
    uniqueId: newUniqueId(),
    etag: newEtag(),
    effective: timeAfter(cloud, propagationMs),
    keys: {},
    ...textFields(objectAt(body, "serviceAccount")),
  };
  store(cloud, account);
  return describe(account);
}

/** The answer has only what was changed, as recorded. */
function patch(call: GcpCall): Json {
  const before = findAccount(call);
  const { body, cloud } = call;
  const change = objectAt(body, "serviceAccount");
  const etag = stringAt(change, "etag");
  if (etag !== "" && !isSameEtag(etag, before.etag)) {
    throw concurrentChanges("service account");
  }
  const mask = stringAt(body, "updateMask");
  const { displayName: _, description: __, ...others } = before;
  const fields = textFields(applyMask(textFields(before), change, mask, ["displayName", "description"]));
  store(cloud, { ...others, ...fields, etag: newEtag() });
  return { name: accountResource(before.email), ...textFields(change) };
}

function remove(call: GcpCall): Json {
  const { cloud } = call;
  const { email, uniqueId } = findAccount(call);
  delete iamOf(cloud, projectOfEmail(email)).serviceAccounts[email];
  removePolicy(cloud, accountResource(email));
  renameMember(cloud, `serviceAccount:${email}`, `deleted:serviceAccount:${email}?uid=${uniqueId}`);
  cloud.save();
  return {};
}

function store(cloud: GcpCloud, account: ServiceAccount): void {
  iamOf(cloud, projectOfEmail(account.email)).serviceAccounts[account.email] = account;
  cloud.save();
}

function describe({ email, uniqueId, displayName, description, etag }: ServiceAccount): Json {
  return {
    name: accountResource(email),
    projectId: projectOfEmail(email),
    uniqueId,
    email,
    ...textFields({ displayName, description }),
    etag,
    oauth2ClientId: uniqueId,
  };
}

function textFields(from: object): { readonly displayName?: string; readonly description?: string } {
  const [displayName, description] = [stringAt(from, "displayName"), stringAt(from, "description")];
  return { ...(displayName === "" ? {} : { displayName }), ...(description === "" ? {} : { description }) };
}

/** 21 digits. */
function newUniqueId(): string {
  const digits = () => String(randomInt(10 ** 10)).padStart(10, "0");
  return `1${digits()}${digits()}`;
}
