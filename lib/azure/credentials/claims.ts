import type { AccessToken, Caller } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import { FleetError } from "#lib/errors.ts";

/** Proves that a token is of the account's tenant before it is used. @throws FleetError WrongAccount */
export function proveCaller(token: AccessToken, { name, tenantId }: Pick<AzureAccount, "name" | "tenantId">): Caller {
  const caller = callerOf(token);
  if (caller?.tenantId.toLowerCase() === tenantId.toLowerCase()) return caller;
  const found = caller === undefined ? "of no tenant" : `for the tenant ${caller.tenantId}`;
  throw new FleetError("WrongAccount", `${name}: credentials are ${found}, the fleet says ${tenantId}`, {
    hint: `sign in to that tenant (az login --tenant ${tenantId}), or correct tenantId in clusters/azure.ts. Managed identities act in their own tenant alone`,
  });
}

/**
 * Who a token is of. Resource Manager verifies it; this is only shown and compared. Claims:
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
function callerOf({ token }: Pick<AccessToken, "token">): Caller | undefined {
  const claims = readClaims(token);
  const text = (name: string): string => (typeof claims[name] === "string" ? claims[name] : "");
  if (text("tid") === "" || text("oid") === "") return undefined;
  const clientId = text("appid") || text("azp");
  const user = text("upn") || text("unique_name") || text("preferred_username");
  const isUser = text("idtyp") === "user" || (text("idtyp") === "" && user !== "");
  return {
    kind: isUser ? "user" : "application",
    tenantId: text("tid"),
    objectId: text("oid"),
    name: (isUser ? user : clientId) || text("oid"),
  };
}

/** Claims of a token, unverified; none of what isn't one. */
export function readClaims(token: string): { readonly [name: string]: unknown } {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}
