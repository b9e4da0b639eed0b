import { apiVersionOf, type Kind } from "#sandbox/kubernetes/kinds.ts";

/** Of a patch: what `kubectl apply` looks for before it leaves the checks of a manifest to the server. */
const patchParameters = ["dryRun", "fieldManager", "fieldValidation", "force"];

/**
 * The documents of `/openapi/v3`: which parameters a patch of each kind takes. Undefined for any other path. There are no
 * schemas in them: clients that check manifests by themselves find nothing to check by.
 */
export function describeApi(kinds: readonly Kind[], segments: readonly string[], version: string): unknown {
  const [root, form, ...rest] = segments;
  if (root !== "openapi" || form !== "v3") return undefined;
  const paths = [...new Set(kinds.map(pathOf))];
  if (rest.length === 0) {
    const entries = paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}` }]);
    return { paths: Object.fromEntries(entries) };
  }
  const path = rest.join("/");
  if (!paths.includes(path)) return undefined;
  const listed = kinds.filter((kind) => pathOf(kind) === path);
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version },
    paths: Object.fromEntries(listed.map((kind) => [`/${path}${objectPathOf(kind)}`, { patch: patchOf(kind) }])),
    components: { schemas: {} },
  };
}

function pathOf(kind: Kind): string {
  return `${kind.group === "" ? "api" : "apis"}/${apiVersionOf(kind)}`;
}

function objectPathOf({ namespaced, resource }: Kind): string {
  return `${namespaced ? "/namespaces/{namespace}" : ""}/${resource}/{name}`;
}

function patchOf({ group, version, kind }: Kind) {
  return {
    "x-kubernetes-action": "patch",
    "x-kubernetes-group-version-kind": { group, version, kind },
    parameters: patchParameters.map((name) => ({ name, in: "query", schema: { type: "string" } })),
    responses: { "200": { description: "OK" }, "201": { description: "Created" } },
  };
}
