import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";

/** What stands for Argo CD's own manifests: the same in every cluster, so that taking care of itself changes nothing. */
export type InstallVariant = "standard" | "high-availability";

const folder = join(import.meta.dir, "manifests");

export function readInstallManifest(variant: InstallVariant): string {
  const read = (name: string): string => readFileSync(join(folder, `${name}.yaml`), "utf8");
  return `${read("common")}---\n${read(variant)}`;
}

/** The objects behind the URL of one of Argo CD's manifests, whatever its version; undefined for another URL. */
export function findInstallManifest(url: string): readonly KubernetesObject[] | undefined {
  const found =
    /^https:\/\/raw\.githubusercontent\.com\/argoproj\/argo-cd\/(?:v[\d.]+|[0-9a-f]{40})\/manifests\/(ha\/)?install\.yaml$/.exec(
      url,
    );
  if (found === null) return undefined;
  return parseManifest(readInstallManifest(found[1] === undefined ? "standard" : "high-availability"), url);
}
