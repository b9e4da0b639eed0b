import { randomBytes, randomInt } from "node:crypto";
import { hasPassed } from "#sandbox/cloud/cloud-base.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import type { Json } from "#sandbox/gcp/api/behaviour.ts";
import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";

export interface ServiceAccount {
  readonly email: string;
  /** Decimal digits; what tokens and `deleted:` members name it by. */
  readonly uniqueId: string;
  readonly displayName?: string;
  readonly description?: string;
  readonly etag: string;
  /** When bindings may name it, as ISO 8601. */
  readonly effective: string;
  /** PEM, by id. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface CustomRole {
  /** `projects/PROJECT_ID/roles/ID`. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly includedPermissions?: readonly string[];
  readonly stage?: string;
  readonly etag: string;
  readonly deleted?: true;
  /** As ISO 8601. */
  readonly deletedAt?: string;
}

/** A workload identity pool, or a provider of one. */
export interface Federation {
  /** With the project's number. */
  readonly name: string;
  /** What requests set. */
  readonly fields: Json;
  /** When the token endpoint knows its latest change, as ISO 8601. */
  readonly effective: string;
  /** When it is deleted for good, as ISO 8601; undefined for an active one. */
  readonly expires?: string;
  /** Of clusters of GKE: nobody changes it. */
  readonly isManaged?: true;
}

interface IamState {
  /** By email. */
  readonly serviceAccounts: Record<string, ServiceAccount>;
  /** By name. */
  readonly roles: Record<string, CustomRole>;
  /** Pools and providers by name. */
  readonly federations: Record<string, Federation>;
  /** When operations are done, as ISO 8601, by name. */
  readonly operations: Record<string, { readonly done: string }>;
}

export function iamOf(cloud: GcpCloud, projectId: string): IamState {
  return cloud.slice<IamState>("iam", projectId, "global", () => ({
    serviceAccounts: {},
    roles: {},
    federations: {},
    operations: {},
  }));
}

/** @param project its id or its number */
export function tryFindProject(cloud: GcpCloud, project: string): Project | undefined {
  return cloud.projects().find(({ projectId, number }) => projectId === project || number === project);
}

/** Of the sandbox's command line. @param project its id or its number @throws UnknownUsage */
export function findProject(cloud: GcpCloud, project = ""): Project {
  const found = tryFindProject(cloud, project);
  if (found === undefined) throw new UnknownUsage(`the project "${project}"`);
  return found;
}

/** @param account its email or its unique id */
export function tryFindServiceAccount(cloud: GcpCloud, account: string): ServiceAccount | undefined {
  const all = cloud.projects().flatMap(({ projectId }) => Object.values(iamOf(cloud, projectId).serviceAccounts));
  return all.find(({ email, uniqueId }) => email === account || uniqueId === account);
}

/** Id of the project in the email of a service account; empty for another email. */
export function projectOfEmail(email: string): string {
  return /@([^.]+)\.iam\.gserviceaccount\.com$/.exec(email)?.[1] ?? "";
}

/** @param name `projects/PROJECT_ID/roles/ID` */
export function tryFindCustomRole(cloud: GcpCloud, name: string): CustomRole | undefined {
  const project = /^projects\/([^/]+)\/roles\//.exec(name)?.[1] ?? "";
  return tryFindProject(cloud, project) === undefined ? undefined : iamOf(cloud, project).roles[name];
}

/** A pool or a provider that exists, deleted or not. @param name with the project's number */
export function tryFindFederation(cloud: GcpCloud, name: string): Federation | undefined {
  const number = /^projects\/(\d+)\//.exec(name)?.[1] ?? "";
  const project = cloud.projects().find((one) => one.number === number);
  const found = project && iamOf(cloud, project.projectId).federations[name];
  const isGone = found?.expires !== undefined && hasPassed(cloud, found.expires);
  return isGone ? undefined : found;
}

/** Whether it is neither deleted nor disabled. */
export function isActive(federation: Federation | undefined): federation is Federation {
  return federation !== undefined && federation.expires === undefined && federation.fields.disabled !== true;
}

/** Of resources of Cloud DNS and Compute Engine: 19 decimal digits. */
export function newId(): string {
  return `${randomInt(1_000_000_000, 9_000_000_000)}${randomInt(100_000_000, 999_999_999)}`;
}

export function newEtag(): string {
  return randomBytes(8).toString("base64");
}

/** Etags are bytes: gcloud sends them back in the alphabet for URLs. */
export function isSameEtag(one: string, other: string): boolean {
  return Buffer.from(one, "base64").equals(Buffer.from(other, "base64"));
}
