/** API versions by resource type in lower case: those that the recordings of the live service and Microsoft's packages have. */
const versions: Readonly<Record<string, string>> = {
  "microsoft.authorization/locks": "2020-05-01",
  "microsoft.authorization/roleassignments": "2022-04-01",
  "microsoft.authorization/roledefinitions": "2022-04-01",
  "microsoft.containerservice/locations/kubernetesversions": "2026-05-01",
  "microsoft.containerservice/managedclusters": "2026-05-01",
  "microsoft.containerservice/managedclusters/agentpools": "2026-05-01",
  "microsoft.managedidentity/userassignedidentities": "2024-11-30",
  "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials": "2024-11-30",
  "microsoft.network/dnszones": "2018-05-01",
  "microsoft.resources/providers": "2025-04-01",
  "microsoft.resources/resourcegroups": "2025-04-01",
  "microsoft.resources/resources": "2025-04-01",
  "microsoft.resources/subscriptions": "2022-12-01",
};

/** The API version to ask for a resource or a collection. */
export function apiVersionOf(id: string): string {
  const type = typeOf(id);
  const version = versions[type];
  if (version === undefined) throw new Error(`no API version is chosen for ${type} (${id})`);
  return version;
}

/** The type of a resource or of a collection's members, in lower case: `microsoft.network/dnszones`. */
export function typeOf(id: string): string {
  const path = id.toLowerCase();
  const at = path.lastIndexOf("/providers/");
  const [namespace, ...rest] = path.slice(at + "/providers/".length).split("/");
  // `…/providers/microsoft.network` is the provider itself, whose registration is read and written.
  if (at >= 0 && rest.length > 0) return [namespace, ...rest.filter((_, index) => index % 2 === 0)].join("/");
  if (at >= 0) return "microsoft.resources/providers";
  const [, , , inner] = path.split("/");
  return `microsoft.resources/${inner ?? "subscriptions"}`;
}
