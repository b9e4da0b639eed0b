import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Pin, readPin, renderBootstrap } from "#lib/argocd/bootstrap.ts";
import { FleetError } from "#lib/errors.ts";
import { isErrno, writePrivateFile } from "#lib/files.ts";
import type { ArgocdVariant } from "#lib/fleet/types.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";

export interface ManifestState {
  /** Version of Argo CD, e.g. `v3.5.7`. */
  readonly version: string;
  /** Digest of the manifest and of our patches: whether a cluster has exactly this version. */
  readonly digest: string;
  /** All objects of Argo CD, patched. Read once for all clusters. */
  objects(): Promise<readonly KubernetesObject[]>;
}

export interface ManifestOptions {
  readonly variant: ArgocdVariant;
  /**
   * Used instead of the pinned URL on machines without internet access, and not verified: a file, or a folder with the
   * manifests of both variants, like Argo CD's own `manifests/`.
   */
  readonly file?: string;
}

/** Argo CD's install manifest: downloaded once from the URL pinned in argocd/bootstrap/, and verified. */
export function argocdManifest(options: ManifestOptions): Resource<ManifestState> {
  const { variant, file } = options;
  return {
    id: `argocd/manifest/${variant}`,
    title: `argocd: manifest, ${variant}`,
    label: variant === "standard" ? "manifest" : `manifest ${variant}`,
    row: { kind: "shared", name: "argocd", group: "gitops" },
    lane: "pull",
    needs: [],
    keptOnDelete: "it stays for the next create",
    async observe(world) {
      const pin = await readPin(world.paths.root, variant);
      const path = file === undefined ? cachePath(world, pin) : await manifestIn(file, variant);
      const text = await tryRead(path);
      if (text === undefined) {
        if (file === undefined) return { kind: "absent" };
        throw new FleetError("ManifestUnavailable", `there is no file ${path} with Argo CD's manifest`, {
          hint: "correct --argocd-manifest or ARGOCD_MANIFEST",
        });
      }
      if (file === undefined && sha256(text) !== pin.sha256) {
        return { kind: "broken", why: `${path} was changed since it was fetched` };
      }
      return { kind: "present", state: stateOf(text, pin, file !== undefined) };
    },
    diff: () => [],
    async ensure(world) {
      const pin = await readPin(world.paths.root, variant);
      world.progress(`fetching ${pin.version}`);
      const text = await fetchPinned(world, pin);
      await writePrivateFile(cachePath(world, pin), text);
      return stateOf(text, pin, false);
    },
    remove: () => Promise.resolve({ kind: "kept", why: "it stays for the next create" }),
    health: ({ version }) => ({ kind: "healthy", summary: version }),
  };
}

async function manifestIn(path: string, variant: ArgocdVariant): Promise<string> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? join(path, variant === "standard" ? "install.yaml" : "ha/install.yaml") : path;
}

function cachePath(world: World, { version, sha256: digest, variant }: Pin): string {
  return join(world.paths.cache, `argocd-${version}-${variant}-${digest.slice(0, 12)}.yaml`);
}

async function tryRead(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function fetchPinned(world: World, pin: Pin): Promise<string> {
  const text = await world.download(pin.url);
  const found = sha256(text);
  if (found === pin.sha256) return text;
  throw new FleetError("DigestMismatch", `${pin.url} is not what argocd/bootstrap pins: sha256 ${found}`, {
    hint: ["if you changed the version: ", command("argocd:pin"), ", and review what it changes"],
    details: [`pinned: sha256 ${pin.sha256}`],
  });
}

function stateOf(text: string, pin: Pin, trusted: boolean): ManifestState {
  let objects: Promise<readonly KubernetesObject[]> | undefined;
  return {
    version: trusted ? findVersion(text) : pin.version,
    digest: sha256(`${sha256(text)} ${pin.patchesSha256}`),
    objects() {
      objects ??= Promise.resolve().then(() => renderBootstrap(text, pin));
      return objects;
    },
  };
}

/** Version of a manifest that is not pinned, from its own image. */
function findVersion(text: string): string {
  return /image: ['"]?\S*argocd:(v\d+\.\d+\.\d+\S*?)['"]?$/m.exec(text)?.[1] ?? "v0.0.0";
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
