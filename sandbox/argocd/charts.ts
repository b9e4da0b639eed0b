import { join } from "node:path";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { parseManifest } from "#lib/kubernetes/objects.ts";
import { Refused } from "#sandbox/argocd/verdict.ts";
import { isObject, type Json, type JsonObject, objectAt } from "#sandbox/json.ts";

/** A chart that a file here stands for: cut down to what has a health or is waited for by others. */
interface StandIn {
  readonly repository: string;
  /** Values that it may be given. What they would change in the chart's own objects is mostly not shown. */
  readonly values: readonly string[];
}

const standIns: Readonly<Record<string, StandIn>> = {
  "cert-manager": {
    repository: "https://charts.jetstack.io",
    values: ["cainjector", "crds", "global", "podLabels", "resources", "serviceAccount", "startupapicheck", "webhook"],
  },
  "external-dns": {
    repository: "https://kubernetes-sigs.github.io/external-dns",
    values: [
      "domainFilters",
      "env",
      "extraArgs",
      "podLabels",
      "policy",
      "provider",
      "registry",
      "resources",
      "secretConfiguration",
      "serviceAccount",
      "sources",
      "txtOwnerId",
    ],
  },
  "metrics-server": {
    repository: "https://kubernetes-sigs.github.io/metrics-server",
    values: ["resources"],
  },
};

export interface Chart {
  readonly repoURL: string;
  readonly chart: string;
  readonly targetRevision: string;
  /** Of one release, later ones first merged over earlier ones. */
  readonly values: JsonObject;
}

/** What stands here for the objects of a chart. @throws Refused for another chart or value */
export async function renderChart({
  repoURL,
  chart,
  targetRevision,
  values,
}: Chart): Promise<readonly KubernetesObject[]> {
  const standIn = standIns[chart];
  if (standIn === undefined || standIn.repository !== repoURL.replace(/\/$/, "")) {
    throw new Refused(
      `the sandbox has nothing that stands for the Helm chart ${chart} ${targetRevision} of ${repoURL}`,
    );
  }
  const unknown = Object.keys(values).find((key) => !standIn.values.includes(key));
  if (unknown !== undefined) throw new Refused(`the sandbox doesn't know the value ${unknown} of the chart ${chart}`);
  const text = await Bun.file(join(import.meta.dir, "charts", `${chart}.yaml`)).text();
  const objects = parseManifest(text.replaceAll("$VERSION", targetRevision.replace(/^v(?=\d)/, "")), chart);
  return objects.filter(isWanted(values)).map((object) => fillIn(object, values));
}

function isWanted(values: JsonObject): (object: KubernetesObject) => boolean {
  const withDefinitions = objectAt(values, "crds").enabled === true;
  return ({ kind }) => kind !== "CustomResourceDefinition" || withDefinitions;
}

/** Arguments and pods' labels tell which cluster and zone it works for: they are seen in the objects here too. */
function fillIn(object: KubernetesObject, values: JsonObject): KubernetesObject {
  if (object.kind !== "Deployment") return object;
  const changed = structuredClone(object) as unknown as JsonObject;
  const template = objectAt(changed, "spec", "template");
  const metadata = objectAt(template, "metadata");
  metadata.labels = { ...objectAt(metadata, "labels"), ...objectAt(values, "podLabels") };
  const args = argumentsOf(values);
  const { containers } = objectAt(template, "spec");
  if (args.length > 0 && Array.isArray(containers) && isObject(containers[0])) containers[0].args = args;
  return changed as unknown as KubernetesObject;
}

/** As the chart external-dns makes arguments of its values. */
function argumentsOf(values: JsonObject): readonly string[] {
  const list = (key: string): readonly string[] => (Array.isArray(values[key]) ? values[key].map(String) : []);
  const provider = objectAt(values, "provider").name;
  if (provider === undefined) return [];
  const one = (flag: string, value: Json | undefined) => (value === undefined ? [] : [`--${flag}=${String(value)}`]);
  return [
    ...list("sources").map((source) => `--source=${source}`),
    ...one("policy", values.policy),
    ...one("registry", values.registry),
    ...one("txt-owner-id", values.txtOwnerId),
    ...list("domainFilters").map((domain) => `--domain-filter=${domain}`),
    ...one("provider", provider),
    ...Object.entries(objectAt(values, "extraArgs")).map(([flag, value]) => `--${flag}=${String(value)}`),
  ];
}

/** Helm's way: maps are merged, anything else is replaced. */
export function mergeValues(base: JsonObject, over: JsonObject): JsonObject {
  const merged: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isObject(before) && isObject(value) ? mergeValues(before, value) : value;
  }
  return merged;
}
