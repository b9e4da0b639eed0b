import { createHash } from "node:crypto";
import { join } from "node:path";
import { bootstrapFolders, digestsPath, parseDigests, readManifestUrl } from "#lib/argocd/bootstrap.ts";
import { FleetError } from "#lib/errors.ts";
import { tryReadText } from "#lib/files.ts";
import type { ArgocdVariant } from "#lib/fleet/types.ts";

export interface PinOptions {
  /** The checkout. */
  readonly root: string;
  /** Text behind a URL. */
  readonly download: (url: string) => Promise<string>;
}

/** What has to be written so that the digests are those of the pinned URLs. */
export interface PinUpdate {
  readonly path: string;
  readonly content: string;
  /** One line for each digest that isn't as it should be; empty when all are. */
  readonly changes: readonly string[];
}

/** Fetches what argocd/bootstrap names, and compares its digests with those in sha256sums. Writes nothing. */
export async function updatePins({ root, download }: PinOptions): Promise<PinUpdate> {
  const variants = Object.keys(bootstrapFolders) as readonly ArgocdVariant[];
  const before = parseDigests((await tryReadText(join(root, digestsPath))) ?? "");
  const after = new Map<string, string>();
  for (const variant of variants) {
    const url = await readManifestUrl(root, variant);
    after.set(url, sha256Of(requireManifest(await download(url), url)));
  }
  const lines = [...after].map(([url, digest]) => `${digest}  ${url}\n`);
  const changed = [...after].flatMap(([url, digest]) => describe(url, before.get(url), digest));
  const gone = [...before.keys()].filter((url) => !after.has(url)).map((url) => `${url}: no longer named`);
  return { path: digestsPath, content: lines.join(""), changes: [...changed, ...gone] };
}

function describe(url: string, is: string | undefined, wanted: string): readonly string[] {
  if (is === wanted) return [];
  // A tag that moved is no update: somebody put something else behind a version that is in use.
  return [is === undefined ? `${url}: ${wanted}` : `${url}: ${is} is now ${wanted}, of the same version`];
}

/** An error page must not become the pin. */
function requireManifest(text: string, url: string): string {
  if (/^kind: CustomResourceDefinition$/m.test(text) && text.includes("applications.argoproj.io")) return text;
  throw new FleetError("DigestMissing", `${url} is not a manifest of Argo CD`, {
    hint: "look at the URL in argocd/bootstrap",
  });
}

export function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
