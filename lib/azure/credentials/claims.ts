import type { AccessToken, Caller } from "#lib/azure/clients.ts";

/**
 * Who a token is of. Resource Manager verifies it; this is only shown and compared. Claims:
 * https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export function callerOf({ token }: Pick<AccessToken, "token">): Caller | undefined {
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

function readClaims(token: string): { readonly [name: string]: unknown } {
  try {
    return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}
