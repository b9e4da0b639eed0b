import { azure } from "#sandbox/azure/azure.ts";
import { type Administrator, administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { type HttpsCloud, openHttpsCloud } from "#tests/support/https-cloud.ts";

export const tenantId = "11111111-1111-4111-8111-111111111111";
export const subscriptionId = "22222222-2222-4222-8222-222222222222";

/** All of the sandbox's Azure, for clients that people use. */
export interface AzureHost extends HttpsCloud {
  readonly administrator: Administrator;
  /** A call of the administrator. @param path with its api-version */
  send(method: string, path: string, body?: object): Promise<Response>;
}

export async function openAzureHost(): Promise<AzureHost> {
  const host = await openHttpsCloud(azure, [{ provider: "azure", name: "az-mgmt", subscriptionId, tenantId }]);
  const { authority, server } = host;
  const administrator = administratorOf(tenantId);
  return {
    ...host,
    administrator,
    async send(method, path, body) {
      const form = {
        grant_type: "client_credentials",
        client_id: administrator.clientId,
        client_secret: administrator.secret,
        scope: "https://management.azure.com/.default",
      };
      const asked = { method: "POST", body: new URLSearchParams(form), tls: { ca: authority } };
      const token = (await (await fetch(`${server.endpoint}/${tenantId}/oauth2/v2.0/token`, asked)).json()) as {
        readonly access_token: string;
      };
      return await fetch(`${server.endpoint}${path}`, {
        method,
        headers: { authorization: `Bearer ${token.access_token}` },
        tls: { ca: authority },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    },
  };
}
