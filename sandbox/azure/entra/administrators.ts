import { createHash } from "node:crypto";

/** Credentials of a tenant's administrator, who is Owner of all of its subscriptions. */
export interface Administrator {
  readonly clientId: string;
  readonly secret: string;
  readonly objectId: string;
}

/** They open nothing but a sandbox on this computer, so that everybody may know them. */
export function administratorOf(tenantId: string): Administrator {
  const tenant = tenantId.toLowerCase();
  return {
    clientId: idFrom(`client of ${tenant}`),
    secret: `sandbox~administrator~${tenant}`,
    objectId: idFrom(`object of ${tenant}`),
  };
}

/** A UUID of version 8: its bits have no meaning. */
function idFrom(text: string): string {
  const hex = createHash("sha256").update(`sandbox/administrator/${text}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-9${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
