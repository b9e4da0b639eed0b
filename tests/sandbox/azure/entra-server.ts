import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrincipal, type Principal } from "#sandbox/azure/entra/directory.ts";
import { answerEntra } from "#sandbox/azure/entra/endpoint.ts";
import { federatedCredentialType, identityType } from "#sandbox/azure/entra/federation.ts";
import { answerGithubJob, type GithubClaims, githubTokenPath, mintGithubToken } from "#sandbox/cloud/github.ts";
import { openHttpServer } from "#sandbox/cloud/http-server.ts";
import { openProxy } from "#sandbox/cloud/proxy.ts";
import { openTls } from "#sandbox/cloud/tls.ts";
import { group, openTestAzure, store, type TestAzure, tenant } from "#tests/sandbox/azure/test-cloud.ts";

const host = "login.microsoftonline.com";

/** Entra of the sandbox over HTTPS, for clients that people use. */
export interface EntraServer {
  readonly azure: TestAzure;
  readonly endpoint: string;
  /** URL of a proxy that leads login.microsoftonline.com to it. */
  readonly proxy: string;
  /** PEM file of the authority that clients have to trust. */
  readonly authorityPath: string;
  /** Folder for what clients keep. */
  readonly folder: string;
  /** A managed identity that trusts pushes to `main`. */
  readonly identity: Principal;
  /** Subject in the tokens of those pushes. */
  readonly subject: string;
  /** The token of such a job, with other claims. */
  mint(claims?: GithubClaims): Promise<string>;
  close(): Promise<void>;
}

export async function openEntraServer(): Promise<EntraServer> {
  const azure = openTestAzure();
  const { cloud } = azure;
  const folder = await mkdtemp(join(tmpdir(), "entra-"));
  const tls = await openTls(folder, "azure", [host]);
  const server = await openHttpServer({
    tls,
    api: () => ({
      operationOf: () => undefined,
      handle: async (request) => {
        const isJob = request.url.pathname === githubTokenPath;
        const response = isJob ? answerGithubJob(cloud, request) : answerEntra(cloud, request);
        return { response: await response, account: "", caller: "" };
      },
      refuse: () => new Response(),
      readErrorCode: async () => undefined,
    }),
  });
  const proxy = await openProxy({ portOf: (name) => (name === host ? server.port : undefined) });
  const identity = createPrincipal(cloud, tenant, "jobs");
  const id = `${group}/providers/${identityType}/jobs`;
  const trusted = {
    issuer: "https://token.actions.githubusercontent.com",
    subject: "repo:example/k8s-multicluster-gitops:ref:refs/heads/main",
    audiences: ["api://AzureADTokenExchange"],
  };
  store(cloud, id, identityType, { properties: { principalId: identity.objectId } });
  store(cloud, `${id}/federatedIdentityCredentials/main`, federatedCredentialType, {
    properties: trusted,
    hidden: { effective: new Date(0).toISOString() },
  });
  return {
    azure,
    endpoint: server.endpoint,
    proxy: proxy.url,
    authorityPath: tls.authorityPath,
    folder,
    identity,
    subject: trusted.subject,
    mint: (claims = {}) => mintGithubToken(cloud, { aud: trusted.audiences, sub: trusted.subject, ...claims }),
    async close() {
      await proxy.stop();
      await server.stop();
      azure.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
