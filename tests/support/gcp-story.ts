import { join } from "node:path";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import type { CloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { inSandbox, type Story } from "#tests/support/story.ts";

/** Projects of `fleetOf`, by the names of their accounts. */
export const projects = {
  "gcp-mgmt": { projectId: "story-mgmt", projectNumber: "111111111111" },
  "gcp-01": { projectId: "story-01", projectNumber: "222222222222" },
  "gcp-02": { projectId: "story-02", projectNumber: "333333333333" },
} as const;
export type AccountName = keyof typeof projects;

export function gke(
  number: 1 | 2 | 3,
  account: AccountName = "gcp-01",
  others: Partial<Omit<GkeCluster, "provider" | "name">> = {},
): GkeCluster {
  return { provider: "gcp", name: `k0${number}.k8s.gcp.mylabs.dev`, account, region: "us-east1", ...others };
}

/** A fleet in GCP alone, without Argo CD: what it is about is GCP, and it is made in seconds. */
export function fleetOf(...clusters: readonly GkeCluster[]): Fleet {
  const used = new Set<string>(["gcp-mgmt", ...clusters.map(({ account }) => account)]);
  return {
    domain: "mylabs.dev",
    zones: [{ provider: "gcp", primary: "gcp.mylabs.dev", clusters: "k8s.gcp.mylabs.dev" }],
    accounts: Object.entries(projects)
      .filter(([name]) => used.has(name))
      .map(
        ([name, project]): GcpAccount => ({
          provider: "gcp",
          name,
          role: name === "gcp-mgmt" ? "management" : "tenant",
          ...project,
        }),
      ),
    clusters,
  };
}

/** Google's APIs as somebody else calls them who owns all projects. */
export type Neighbour = (method: string, path: string, body?: object) => Promise<Answer>;

/** Writes with Compute Engine, and waits for the end of its operation. @param path `compute/projects/P/…` */
export async function writeCompute(call: Neighbour, method: string, path: string, body?: object): Promise<void> {
  let operation = await call(method, path, body);
  while (operation.status !== "DONE") {
    await Bun.sleep(20);
    operation = await call("GET", `compute/${operation.selfLink.split("/compute/v1/")[1]}`);
  }
}

// Compared as a whole or by its fields.
// biome-ignore lint/suspicious/noExplicitAny: each resource has fields of its own
type Answer = any;

export interface GcpStory extends Story {
  /** Only after the first run, or after `openFor`: before it, nobody has told the sandbox of accounts. */
  neighbour(): Promise<Neighbour>;
  /** Variables of a job of GitHub that sees the sandbox as it would see Google. */
  job(claims?: Readonly<Record<string, string>>): Promise<Readonly<Record<string, string>>>;
  /** Variables of a person, who may do nothing yet. */
  person(email: string, group?: string): Promise<Readonly<Record<string, string>>>;
}

/** @param speed as of openCloudSandbox */
export async function inGcp(story: (gcp: GcpStory) => Promise<void>, speed?: number): Promise<void> {
  await inSandbox(
    "gcp",
    (sandbox) =>
      story({
        ...sandbox,
        neighbour: () => openNeighbour(sandbox),
        async job(claims = {}) {
          const { env } = await sandbox.daemon.operate<{ readonly env: Readonly<Record<string, string>> }>(
            "gcp",
            "github-job",
            claims,
          );
          const empty = join(sandbox.folder, "empty");
          return { ...(await sandbox.variables()), GOOGLE_APPLICATION_CREDENTIALS: "", CLOUDSDK_CONFIG: empty, ...env };
        },
        async person(email, group) {
          const { credentials } = await sandbox.daemon.operate<{ readonly credentials: object }>("gcp", "user", {
            email,
            ...(group === undefined ? {} : { group }),
          });
          const path = join(sandbox.folder, `${email}.json`);
          await Bun.write(path, JSON.stringify(credentials));
          return { ...(await sandbox.variables()), GOOGLE_APPLICATION_CREDENTIALS: path };
        },
      }),
    speed,
  );
}

/** The administrator's token, by the refresh token that the variables name. */
async function openNeighbour(sandbox: CloudSandbox): Promise<Neighbour> {
  const variables = await sandbox.variables();
  const { CLOUDSDK_AUTH_TOKEN_HOST: token = "", REQUESTS_CA_BUNDLE: bundle = "" } = variables;
  const tls = { ca: await Bun.file(bundle).text() };
  const { client_id, client_secret, refresh_token } = JSON.parse(
    await Bun.file(variables.GOOGLE_APPLICATION_CREDENTIALS ?? "").text(),
  ) as Readonly<Record<string, string>>;
  const form = new URLSearchParams({ client_id, client_secret, refresh_token, grant_type: "refresh_token" } as Record<
    string,
    string
  >);
  const signedIn = await fetch(token, { method: "POST", body: form, tls });
  const { access_token: bearer } = (await signedIn.json()) as { readonly access_token: string };
  return async (method, path, body) => {
    const [service = "", ...rest] = path.split("/");
    const base = variables[`CLOUDSDK_API_ENDPOINT_OVERRIDES_${service.toUpperCase()}`] ?? "";
    const response = await fetch(`${base}${rest.join("/")}`, {
      method,
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      tls,
    });
    const text = await response.text();
    if (response.status === 404 && method === "GET") return undefined;
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
}
