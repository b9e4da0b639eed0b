import type { Cluster } from "#lib/fleet/types.ts";

/** https://www.rfc-editor.org/rfc/rfc1123#page-13, in lower case as Kubernetes, kind and k3d require. */
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4: 255 octets on the wire are 253 characters of text. */
const longestName = 253;

export function isLabel(text: string): boolean {
  return label.test(text);
}

/** Labels of lower-case letters, digits and inner hyphens, joined by dots. */
export function isDnsName(text: string): boolean {
  return text.length <= longestName && text.split(".").every(isLabel);
}

/** `k01` of `k01.k8s.aws.mylabs.dev`. */
export function firstLabel(name: string): string {
  return name.split(".", 1)[0] ?? name;
}

/** `k8s.aws.mylabs.dev` of `k01.k8s.aws.mylabs.dev`; empty for a single label. */
export function parentName(name: string): string {
  return name.slice(firstLabel(name).length + 1);
}

/** Whether `name` is at any depth below `zone`. */
export function isBelow(name: string, zone: string): boolean {
  return name.endsWith(`.${zone}`);
}

/** Name of a cluster in task names: `kind01-internal` for `kind01.internal`, because mise allows no dots in task names. */
export function taskSuffix(cluster: Pick<Cluster, "name">): string {
  return cluster.name.replaceAll(".", "-");
}
