import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Kustomization, readKustomization } from "#lib/argocd/kustomization.ts";
import { renderKustomization } from "#lib/argocd/kustomize/render.ts";
import { FleetError } from "#lib/errors.ts";
import { tryReadText } from "#lib/files.ts";
import type { ArgocdVariant } from "#lib/fleet/types.ts";
import { command } from "#lib/hint.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";

/** Folder of each variant's kustomization, used by `create` and by the application argo-cd. */
export const bootstrapFolders: Readonly<Record<ArgocdVariant, string>> = {
  standard: "argocd/bootstrap/standard",
  "high-availability": "argocd/bootstrap/high-availability",
};

/** One line per manifest: digest and URL, in the format of sha256sum. */
export const digestsPath = "argocd/bootstrap/sha256sums";

/** One version of Argo CD, and this repository's changes to it. */
export interface Pin {
  readonly variant: ArgocdVariant;
  /** E.g. `v3.5.7`. */
  readonly version: string;
  /** URL of Argo CD's manifest. */
  readonly url: string;
  /** Digest of the manifest, 64 hexadecimal digits. */
  readonly sha256: string;
  /** Digest of all files in this repository that change the manifest. */
  readonly patchesSha256: string;
  readonly kustomization: Kustomization;
}

/** @throws FleetError KustomizationInvalid, DigestMissing */
export async function readPin(root: string, variant: ArgocdVariant): Promise<Pin> {
  const { kustomization, patchesSha256, text } = await readBootstrap(root, variant);
  const url = urlOf(kustomization);
  const sha256 = parseDigests((await tryReadText(join(root, digestsPath))) ?? "").get(url);
  if (sha256 === undefined) {
    throw new FleetError("DigestMissing", `${digestsPath} has no digest of ${url}`, {
      hint: [command("argocd:pin"), ", and review what it changes"],
    });
  }
  return { variant, version: versionOf(url, text), url, sha256, patchesSha256, kustomization };
}

/** URL of a variant's manifest, even without a digest. @throws FleetError KustomizationInvalid */
export async function readManifestUrl(root: string, variant: ArgocdVariant): Promise<string> {
  return urlOf((await readBootstrap(root, variant)).kustomization);
}

async function readBootstrap(
  root: string,
  variant: ArgocdVariant,
): Promise<{
  readonly kustomization: Kustomization;
  readonly patchesSha256: string;
  /** Path of the variant's own kustomization. */
  readonly text: string;
}> {
  const texts = new Map<string, string>();
  const kustomization = await readKustomization(bootstrapFolders[variant], async (path) => {
    const text = await tryReadText(join(root, path));
    if (text !== undefined) texts.set(path, text);
    return text;
  });
  const hash = createHash("sha256");
  for (const path of [...texts.keys()].sort()) hash.update(`${path}\n${texts.get(path) ?? ""}\n`);
  return { kustomization, patchesSha256: hash.digest("hex"), text: texts.get(kustomization.where) ?? "" };
}

function urlOf({ resources, where }: Kustomization): string {
  const [first, ...others] = resources.flatMap((resource) => (resource.kind === "remote" ? [resource.url] : []));
  if (first !== undefined && others.length === 0) return first;
  throw new FleetError("KustomizationInvalid", `${where}: resources must contain one URL of Argo CD's manifest`);
}

/** From the URL, or, if that contains a commit, from the comment after it. */
function versionOf(url: string, text: string): string {
  const line = text.split("\n").find((one) => one.includes(url)) ?? url;
  const version =
    /\/(v\d+\.\d+\.\d+(?:-[\w.]+)?)\//.exec(url)?.[1] ??
    /[0-9a-f]{40}\/.* # (v\d+\.\d+\.\d+(?:-[\w.]+)?)$/.exec(line)?.[1];
  if (version !== undefined) return version;
  throw new FleetError(
    "KustomizationInvalid",
    `${url} names no version: the content of a branch changes, its pinned digest doesn't`,
  );
}

/** Digests by URL. */
export function parseDigests(text: string): ReadonlyMap<string, string> {
  const lines = text.matchAll(/^([0-9a-f]{64}) {2}(\S+)$/gm);
  return new Map([...lines].map(([, digest = "", url = ""]) => [url, digest]));
}

/**
 * All objects of Argo CD: the output of `kustomize build` for the variant's folder. Pure.
 *
 * @param manifestText content of the pin's URL, verified by the caller
 * @throws FleetError KustomizationInvalid if a patch doesn't fit the manifest
 */
export function renderBootstrap(manifestText: string, pin: Pin): readonly KubernetesObject[] {
  return renderKustomization(pin.kustomization, (url) => parseManifest(manifestText, url));
}
