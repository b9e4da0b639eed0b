import { apiVersionOf, type Kind } from "#sandbox/kubernetes/kinds.ts";

const VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"];

/** The documents of `/api` and `/apis`, from the kinds that are stored. Undefined for any other path. */
export function discover(kinds: readonly Kind[], segments: readonly string[], server: string): unknown {
  const [root, group, version, ...rest] = segments;
  if (root === "api") {
    if (group === undefined) {
      return {
        kind: "APIVersions",
        versions: ["v1"],
        serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: server }],
      };
    }
    return group === "v1" && version === undefined ? resourceList(kinds, "", "v1") : undefined;
  }
  if (root !== "apis" || rest.length > 0) return undefined;
  const groups = [...new Set(kinds.map((kind) => kind.group))].filter((name) => name !== "");
  if (group === undefined) {
    return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map((name) => groupEntry(kinds, name)) };
  }
  if (!groups.includes(group)) return undefined;
  if (version === undefined) return { kind: "APIGroup", apiVersion: "v1", ...groupEntry(kinds, group) };
  return kinds.some((kind) => kind.group === group && kind.version === version)
    ? resourceList(kinds, group, version)
    : undefined;
}

function groupEntry(kinds: readonly Kind[], group: string) {
  const names = [...new Set(kinds.filter((kind) => kind.group === group).map((kind) => kind.version))];
  const versions = names.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList(kinds: readonly Kind[], group: string, version: string) {
  const listed = kinds.filter((kind) => kind.group === group && kind.version === version);
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: apiVersionOf({ group, version }),
    resources: listed.flatMap((kind) => [
      {
        name: kind.resource,
        singularName: kind.singular,
        namespaced: kind.namespaced,
        kind: kind.kind,
        verbs: VERBS,
        ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
        ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
      },
      ...(kind.hasStatus
        ? [
            {
              name: `${kind.resource}/status`,
              singularName: "",
              namespaced: kind.namespaced,
              kind: kind.kind,
              verbs: ["get", "patch", "update"],
            },
          ]
        : []),
    ]),
  };
}
