import { ArmFault, type Kind } from "#sandbox/azure/arm/kind.ts";
import { createPrincipal, removePrincipal, tenantOf } from "#sandbox/azure/entra/directory.ts";
import { identityType } from "#sandbox/azure/entra/federation.ts";
import { isObject, stringAt } from "#sandbox/json.ts";

export const identityVersions = [
  "2018-11-30",
  "2022-01-31-preview",
  "2023-01-31",
  "2024-11-30",
  "2025-01-31-preview",
  "2025-05-31-preview",
] as const;

/** Managed identities: each is a service principal of its subscription's tenant. */
export const identities: Kind = {
  type: identityType,
  versions: identityVersions,
  shape: identityType,
  spelling: { group: "resourcegroups" },
  name: /^[A-Za-z0-9][\w-]{2,127}$/,
  put({ cloud, at }, { location, tags, properties }, before) {
    const place = String(location).toLowerCase().replaceAll(" ", "");
    if (before !== undefined && before.location !== place) {
      throw new ArmFault(
        409,
        "InvalidResourceLocation",
        `The resource '${at.name}' already exists in location '${before.location}' in resource group '${at.group}'. A resource with the same name cannot be created in location '${place}'. Please select a new resource name.`,
      );
    }
    const tenantId = tenantOf(cloud, at.subscription);
    const create = () => {
      const { objectId, clientId } = createPrincipal(cloud, tenantId, at.name);
      return { tenantId, principalId: objectId, clientId };
    };
    return {
      location: place,
      tags: (tags ?? {}) as Readonly<Record<string, string>>,
      properties: { ...(before?.properties ?? create()), ...(isObject(properties) ? properties : {}) },
    };
  },
  afterRemove(cloud, { properties }) {
    removePrincipal(cloud, stringAt(properties, "tenantId"), stringAt(properties, "principalId"));
  },
};
