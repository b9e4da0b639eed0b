import { join } from "node:path";
import { env } from "#sandbox/gcp/environment.ts";
import { gcp } from "#sandbox/gcp/gcp.ts";
import { type HttpsCloud, openHttpsCloud } from "#tests/support/https-cloud.ts";

export const projectId = "example-mgmt";
export const projectNumber = "111111111111";

/** All of the sandbox's Google Cloud, for clients that people use. Its variables have the administrator's credentials. */
export async function openGoogleHost(): Promise<HttpsCloud> {
  const accounts = [{ provider: "gcp", name: "gcp-mgmt", projectId, projectNumber }];
  const host = await openHttpsCloud(gcp, accounts);
  const authorityPath = host.variables.REQUESTS_CA_BUNDLE ?? "";
  const { operations } = await host.open();
  operations["enable-services"]?.({ project: projectId }, host.server.endpoint);
  const { GOOGLE_APPLICATION_CREDENTIALS = "" } = await env({
    endpoint: host.server.endpoint,
    folder: host.folder,
    accounts,
    authorityPath,
    proxyUrl: "",
    bin: join(host.folder, "bin"),
  });
  return {
    ...host,
    variables: {
      ...host.variables,
      GOOGLE_APPLICATION_CREDENTIALS,
      // google-api-python-client reads no other.
      HTTPLIB2_CA_CERTS: authorityPath,
      NO_GCE_CHECK: "true",
    },
  };
}
