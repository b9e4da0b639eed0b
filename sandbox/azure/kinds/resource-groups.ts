import { ArmFault, type Kind } from "#sandbox/azure/arm/kind.ts";
import { groupType } from "#sandbox/azure/arm/target.ts";

/** Milliseconds that Azure takes to delete one, with what is in it. */
const removeMs = 60_000;

export const resourceGroups: Kind = {
  type: groupType,
  versions: [],
  shape: groupType,
  actionType: "Microsoft.Resources/subscriptions/resourceGroups",
  name: /^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$/u,
  duration: { remove: removeMs },
  put(_, { location, tags, managedBy }, before) {
    if (before !== undefined && before.location !== placeOf(location)) {
      throw new ArmFault(
        409,
        "InvalidResourceGroupLocation",
        `Invalid resource group location '${String(location)}'. The Resource group already exists in location '${before.location}'.`,
      );
    }
    return {
      location: placeOf(location),
      ...(tags === undefined ? {} : { tags: tags as Readonly<Record<string, string>> }),
      ...(managedBy === undefined ? {} : { managedBy }),
      properties: { provisioningState: "Succeeded" },
    };
  },
};

/** `East US 2` is `eastus2`. */
function placeOf(location: unknown): string {
  return String(location).toLowerCase().replaceAll(" ", "");
}
