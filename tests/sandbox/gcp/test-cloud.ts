import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GcpCall, GcpFault, type Json } from "#sandbox/gcp/api/behaviour.ts";
import { authorizeCall } from "#sandbox/gcp/authorization/authorize.ts";
import type { Caller, GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { iamBehaviours } from "#sandbox/gcp/iam/behaviours.ts";
import { tryFindProject } from "#sandbox/gcp/iam/state.ts";
import { administratorEmail, administratorMember } from "#sandbox/gcp/oauth/administrators.ts";
import { openTestBase } from "#tests/support/cloud-base.ts";

export const mgmt: Project = { projectId: "example-mgmt", number: "100000000001", name: "gcp-mgmt" };
export const tenant: Project = { projectId: "example-01", number: "100000000002", name: "gcp-01" };
export const cloudPlatform = "https://www.googleapis.com/auth/cloud-platform";

/** Owner of both projects. */
export const administrator: Caller = {
  name: administratorEmail,
  members: [administratorMember],
  scopes: [cloudPlatform],
};

/** The sandbox's Google Cloud without its front. */
export interface TestGcp {
  readonly cloud: GcpCloud;
  /** Moves its clock. */
  advance(ms: number): void;
  close(): void;
}

/** Time passes as in the real one. */
export function openTestGcp(): TestGcp {
  const folder = mkdtempSync(join(tmpdir(), "gcp-"));
  const { base, advance } = openTestBase(folder, 1);
  return {
    cloud: { ...base, projects: () => [mgmt, tenant] },
    advance,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface Asked {
  readonly as?: Caller;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
}

/** Calls a method in a project, as the administrator by default: authorization, then its behaviour. */
export async function call(
  cloud: GcpCloud,
  method: string,
  project: string,
  { as = administrator, params = {}, query = {}, body = {} }: Asked = {},
): Promise<Json> {
  const request: GcpCall = {
    cloud,
    method,
    caller: as,
    project: tryFindProject(cloud, project),
    params: { projectsId: project, ...params },
    query: new URLSearchParams(query),
    body,
    endpoint: "https://iam.googleapis.com",
  };
  const behaviour = iamBehaviours[method];
  if (behaviour === undefined) throw new Error(`there is no ${method}`);
  authorizeCall(request);
  return await behaviour(request);
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export async function refusalOf(ask: () => unknown): Promise<Refusal> {
  try {
    await ask();
  } catch (error) {
    if (error instanceof GcpFault) return { status: error.status, code: error.code, message: error.message };
    throw error;
  }
  throw new Error("it was not refused");
}

/** A caller that a binding of a service account's email names. */
export function serviceAccount(email: string, scopes: readonly string[] = [cloudPlatform]): Caller {
  return { name: email, members: [`serviceAccount:${email}`], scopes };
}

/** Creates an account that bindings may name at once. @returns its email */
export async function createAccount({ cloud, advance }: TestGcp, project: Project, accountId: string): Promise<string> {
  const { email } = await call(cloud, "iam.projects.serviceAccounts.create", project.projectId, {
    body: { accountId },
  });
  advance(10_000);
  return String(email);
}

/** Adds a binding to a policy and lets it count. @param resource `projects/PROJECT_ID[/serviceAccounts/EMAIL]` */
export async function grant(
  { cloud, advance }: TestGcp,
  resource: string,
  role: string,
  member: string,
): Promise<void> {
  const [, project = "", , serviceAccountsId] = resource.split("/");
  const prefix = serviceAccountsId === undefined ? "cloudresourcemanager.projects" : "iam.projects.serviceAccounts";
  const params = serviceAccountsId === undefined ? {} : { serviceAccountsId };
  const { bindings = [], etag } = await call(cloud, `${prefix}.getIamPolicy`, project, {
    params,
    // Service accounts and projects have it in different places.
    query: { "options.requestedPolicyVersion": "3" },
    body: { options: { requestedPolicyVersion: 3 } },
  });
  const policy = { version: 3, etag, bindings: [...(bindings as readonly Json[]), { role, members: [member] }] };
  await call(cloud, `${prefix}.setIamPolicy`, project, { params, body: { policy } });
  advance(61_000);
}
