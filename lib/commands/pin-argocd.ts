import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { bootstrapFolders, digestsPath, parseDigests, readManifestUrl } from "#lib/argocd/bootstrap.ts";
import { FleetError } from "#lib/errors.ts";
import { tryReadText } from "#lib/files.ts";
import type { ArgocdVariant } from "#lib/fleet/types.ts";

export interface PinOptions {
  /** The checkout. */
  readonly root: string;
  /** Downloads the text of a URL. */
  readonly download: (url: string) => Promise<string>;
}

/** The changes required so that the URLs contain commits and the digests match. */
export interface PinUpdate {
  /** Texts by their path from the root. */
  readonly files: ReadonlyMap<string, string>;
  /** One line for each wrong digest; empty if all match. */
  readonly changes: readonly string[];
}

/** Downloads the manifests that argocd/bootstrap pins, and compares their digests with sha256sums. Writes nothing. */
export async function updatePins({ root, download }: PinOptions): Promise<PinUpdate> {
  const variants = Object.keys(bootstrapFolders) as readonly ArgocdVariant[];
  const before = parseDigests((await tryReadText(join(root, digestsPath))) ?? "");
  const after = new Map<string, string>();
  const files = new Map<string, string>();
  const changes: string[] = [];
  for (const variant of variants) {
    const named = await readManifestUrl(root, variant);
    const url = await byCommit(named, download);
    const digest = sha256Of(requireManifest(await download(url), url));
    after.set(url, digest);
    changes.push(...describe(url, before.get(named), digest));
    if (url === named) continue;
    const path = `${bootstrapFolders[variant]}/kustomization.yaml`;
    const text = (await tryReadText(join(root, path))) ?? "";
    files.set(path, text.replace(named, `${url} # ${tagged.exec(named)?.[2]}`));
    changes.push(`${path}: ${url}`);
  }
  const gone = [...before.keys()].filter((url) => !after.has(url)).map((url) => `${url}: no longer named`);
  files.set(digestsPath, [...after].map(([url, digest]) => `${digest}  ${url}\n`).join(""));
  return { files, changes: [...changes, ...gone] };
}

const tagged = /^https:\/\/raw\.githubusercontent\.com\/([^/]+\/[^/]+)\/(v[^/]+)\//;

/** Argo CD renders the URL itself and compares no digest: a tag can be moved unnoticed, a commit can't. */
async function byCommit(url: string, download: PinOptions["download"]): Promise<string> {
  const [, repository, tag] = tagged.exec(url) ?? [];
  if (repository === undefined || tag === undefined) return url;
  const { sha } = commitSchema.parse(
    JSON.parse(await download(`https://api.github.com/repos/${repository}/commits/${tag}`)),
  );
  return url.replace(`/${tag}/`, `/${sha}/`);
}

const commitSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });

function describe(url: string, is: string | undefined, wanted: string): readonly string[] {
  if (is === wanted) return [];
  // A moved tag is no update: the content of a version in use was replaced.
  return [is === undefined ? `${url}: ${wanted}` : `${url}: ${is} is now ${wanted}, of the same version`];
}

/** Prevents an error page from being pinned. */
function requireManifest(text: string, url: string): string {
  if (/^kind: CustomResourceDefinition$/m.test(text) && text.includes("applications.argoproj.io")) return text;
  throw new FleetError("DigestMissing", `${url} is not a manifest of Argo CD`, {
    hint: "look at the URL in argocd/bootstrap",
  });
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
