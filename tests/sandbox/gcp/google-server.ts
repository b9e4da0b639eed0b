import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHttpServer } from "#sandbox/cloud/http-server.ts";
import { openProxy } from "#sandbox/cloud/proxy.ts";
import { openTls } from "#sandbox/cloud/tls.ts";
import { Gateway } from "#sandbox/gcp/api/gateway.ts";
import { googleHosts } from "#sandbox/gcp/api/methods.ts";
import { authorizeCall } from "#sandbox/gcp/authorization/authorize.ts";
import { behaviours } from "#sandbox/gcp/behaviours.ts";
import { gcpApi } from "#sandbox/gcp/http-api.ts";
import { callerOf } from "#sandbox/gcp/oauth/access-tokens.ts";
import { oauthHost } from "#sandbox/gcp/oauth/endpoint.ts";
import { openTestGcp, type TestGcp } from "#tests/sandbox/gcp/test-cloud.ts";

/** Google Cloud of the sandbox over HTTPS, for clients that people use. */
export interface GoogleServer extends TestGcp {
  readonly endpoint: string;
  /** URL of a proxy that leads Google's hosts to it. */
  readonly proxy: string;
  /** PEM file of the authority that clients have to trust. */
  readonly authorityPath: string;
  /** Folder for what clients keep. */
  readonly folder: string;
  stop(): Promise<void>;
}

export async function openGoogleServer(): Promise<GoogleServer> {
  const gcp = openTestGcp();
  const { cloud } = gcp;
  const folder = await mkdtemp(join(tmpdir(), "google-"));
  const hosts = [...googleHosts, oauthHost];
  const tls = await openTls(folder, "gcp", hosts);
  const gateway = new Gateway({
    cloud,
    behaviours,
    identify: (token) => callerOf(cloud, token),
    authorize: authorizeCall,
  });
  const server = await openHttpServer({ tls, api: () => gcpApi(cloud, gateway) });
  const proxy = await openProxy({ portOf: (name) => (hosts.includes(name) ? server.port : undefined) });
  return {
    ...gcp,
    endpoint: server.endpoint,
    proxy: proxy.url,
    authorityPath: tls.authorityPath,
    folder,
    async stop() {
      await proxy.stop();
      await server.stop();
      gcp.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
