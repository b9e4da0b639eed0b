import { statSync } from "node:fs";
import { isGithubJob } from "#lib/cloud/github-token.ts";

// The token program of kubectl loads this: keep its imports small.

/** Who acts first: one source of credentials. A source that fails is never followed by another, which would be another identity. */
export type Choice =
  /** Application default credentials. `named`: by GOOGLE_APPLICATION_CREDENTIALS. */
  | { readonly kind: "file"; readonly path: string; readonly named: boolean }
  /** A job of GitHub Actions. */
  | { readonly kind: "github" }
  /** Of the machine or pod that this runs on. `host`: of its metadata server, with a port if need be. */
  | { readonly kind: "metadata"; readonly host: string };

type Variables = Readonly<Record<string, string>>;

/**
 * The file that GOOGLE_APPLICATION_CREDENTIALS names; the metadata server if METADATA_SERVER_DETECTION is `assume-present`; GitHub's token;
 * else the file that `gcloud auth application-default login` writes.
 */
export function chooseCredentials(variables: Variables): Choice {
  const { GOOGLE_APPLICATION_CREDENTIALS: path = "", METADATA_SERVER_DETECTION: metadata = "" } = variables;
  if (path !== "") return { kind: "file", path, named: true };
  if (metadata === "assume-present") return { kind: "metadata", host: metadataHost(variables) };
  if (isGithubJob(variables)) return { kind: "github" };
  const { CLOUDSDK_CONFIG = "", HOME = "" } = variables;
  const folder = CLOUDSDK_CONFIG || `${HOME}/.config/gcloud`;
  return { kind: "file", path: `${folder}/application_default_credentials.json`, named: false };
}

/** Variables of Google's libraries: https://cloud.google.com/compute/docs/metadata/overview */
function metadataHost({ GCE_METADATA_HOST: host = "", GCE_METADATA_IP: ip = "" }: Variables): string {
  return host || ip || "169.254.169.254";
}

/** All that decides who acts, and where. After another login another token is fetched. */
export function choiceKey(choice: Choice, variables: Variables): readonly string[] {
  const { GITHUB_RUN_ID: run = "", CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: place = "" } = variables;
  if (choice.kind === "github") return [place, "github", run];
  if (choice.kind === "metadata") return [place, "metadata", choice.host];
  return [place, "file", choice.path, String(statSync(choice.path, { throwIfNoEntry: false })?.mtimeMs)];
}
