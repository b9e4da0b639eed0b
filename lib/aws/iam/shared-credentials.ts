import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { tryReadText, writePrivateFile } from "#lib/files.ts";

/** Access key of a user. The secret is returned only at its creation, and is written only to this file. */
export interface AccessKey {
  readonly id: string;
  readonly secret: string;
}

/**
 * The credentials file of AWS's tools: variable AWS_SHARED_CREDENTIALS_FILE, or a file in the home folder. The tools differ in what they
 * expand beside `~/`: a secret is not written where only some of them find it.
 *
 * @throws FleetError InvalidArgument
 */
export function sharedCredentialsPath(variables: Readonly<Record<string, string>>): string {
  const { AWS_SHARED_CREDENTIALS_FILE: given = "", HOME: home = "" } = variables;
  const folder = home === "" ? homedir() : home;
  if (given === "") return join(folder, ".aws", "credentials");
  if (given.startsWith("~/")) return join(folder, given.slice(2));
  if (!given.startsWith("~") && !given.includes("$")) return given;
  throw new FleetError(
    "InvalidArgument",
    `AWS_SHARED_CREDENTIALS_FILE is ${given}, which not all of AWS's tools expand`,
    {
      hint: "set it to an absolute path, or to one that begins with ~/",
    },
  );
}

/**
 * Checks that a profile can be written, before a secret is created that could not be stored.
 *
 * @throws FleetError InvalidArgument, ProfileTaken
 */
export async function requireFreeProfile(path: string, profile: string): Promise<void> {
  // Characters that AWS's tools accept without quotes.
  if (!/^[\w.@+-]{1,64}$/.test(profile)) {
    throw new FleetError("InvalidArgument", `--profile takes letters, digits and . _ @ + -, got "${profile}"`, {
      hint: "for example --profile aws-cli",
    });
  }
  refuseTaken((await tryReadText(path)) ?? "", path, profile);
}

/** Adds a profile and preserves the rest of the file. @throws FleetError ProfileTaken */
export async function addProfile(path: string, profile: string, { id, secret }: AccessKey): Promise<void> {
  const text = await tryReadText(path);
  refuseTaken(text ?? "", path, profile);
  const gap = text === undefined || text === "" ? "" : text.endsWith("\n") ? "\n" : "\n\n";
  const section = [`[${profile}]`, `aws_access_key_id = ${id}`, `aws_secret_access_key = ${secret}`, ""].join("\n");
  // A symbolic link is kept: its target is replaced.
  await writePrivateFile(
    text === undefined ? path : await realpath(path),
    `${text ?? ""}${gap}${section}`,
    "AWS_SHARED_CREDENTIALS_FILE",
  );
}

function refuseTaken(text: string, path: string, profile: string): void {
  const names = [...text.matchAll(/^[ \t]*\[[ \t]*([^\]\r\n]*?)[ \t]*\]/gm)].map(([, name]) => name);
  if (!names.includes(profile)) return;
  throw new FleetError("ProfileTaken", `${path} has a profile ${profile} already`, {
    hint: "choose another name for --profile, or remove that profile first",
  });
}
