import { randomBytes } from "node:crypto";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { administratorEmail, administratorToken } from "#sandbox/gcp/oauth/administrators.ts";

/** People and groups; service accounts belong to IAM. */
interface DirectoryState {
  /** Emails by refresh token. */
  readonly users: Record<string, { readonly email: string }>;
  /** Members by the email of the group: `user:EMAIL`, `serviceAccount:EMAIL`. */
  readonly groups: Record<string, readonly string[]>;
}

function directoryOf(cloud: GcpCloud): DirectoryState {
  return cloud.slice<DirectoryState>("directory", "public", "global", () => ({ users: {}, groups: {} }));
}

/** @returns the new user's refresh token */
export function createUser(cloud: GcpCloud, email: string): string {
  const token = `1//${randomBytes(32).toString("base64url")}`;
  directoryOf(cloud).users[token] = { email };
  cloud.save();
  return token;
}

/** Undefined for an unknown token. */
export function userOfToken(cloud: GcpCloud, refreshToken: string): string | undefined {
  return refreshToken === administratorToken ? administratorEmail : directoryOf(cloud).users[refreshToken]?.email;
}

/** Groups are created by their first member. @param member `user:EMAIL`, `serviceAccount:EMAIL` */
export function joinGroup(cloud: GcpCloud, group: string, member: string): void {
  const { groups } = directoryOf(cloud);
  groups[group] = [...(groups[group] ?? []), member];
  cloud.save();
}

/** `group:EMAIL` of each group that has the member. */
export function groupsWith(cloud: GcpCloud, member: string): readonly string[] {
  return Object.entries(directoryOf(cloud).groups).flatMap(([group, members]) =>
    members.includes(member) ? [`group:${group}`] : [],
  );
}
