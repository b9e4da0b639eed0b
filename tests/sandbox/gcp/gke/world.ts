import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlPlanesOf, openControlPlanes } from "#sandbox/cloud/control-planes.ts";
import { stopWork } from "#sandbox/cloud/later.ts";
import { issueForLoopback, openTls } from "#sandbox/cloud/tls.ts";
import { Gateway } from "#sandbox/gcp/api/gateway.ts";
import { authorizeCall } from "#sandbox/gcp/authorization/authorize.ts";
import { behaviours } from "#sandbox/gcp/behaviours.ts";
import type { GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { resumeGke } from "#sandbox/gcp/gke/finish.ts";
import { callerOf, mintAccessToken, type Subject } from "#sandbox/gcp/oauth/access-tokens.ts";
import { administratorEmail } from "#sandbox/gcp/oauth/administrators.ts";
import { enableServices } from "#sandbox/gcp/projects/services.ts";
import { type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { paceOf } from "#sandbox/pace.ts";
import { openTestBase } from "#tests/support/cloud-base.ts";

export const project: Project = { projectId: "example-01", number: "222222222222", name: "gcp-01" };
export const location = "us-east1";
export const clusters = `v1/projects/${project.projectId}/locations/${location}/clusters`;
export const cluster = `${clusters}/k01`;

/** A minute of Google takes 3 ms. */
const speed = 20_000;
const scopes = ["https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/userinfo.email"];

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** Google's APIs with their front and IAM, as the daemon has them. */
export class GkeWorld {
  readonly folder: string;
  readonly cloud: GcpCloud;
  /** Moves its clock: grants count after a while. */
  readonly advance: (ms: number) => void;
  readonly #gateway: Gateway;
  readonly #flush: () => void;

  constructor(folder = mkdtempSync(join(tmpdir(), "gke-test-"))) {
    this.folder = folder;
    const { base, advance, flush } = openTestBase(folder, speed);
    this.#flush = flush;
    this.advance = advance;
    this.cloud = { ...base, projects: () => [project] };
    openControlPlanes(this.cloud, {
      folder,
      pace: paceOf(() => 20),
      certificates: async () => issueForLoopback(await this.#tls(), "kube-apiserver"),
    });
    enableServices(this.cloud, project);
    this.#gateway = new Gateway({
      cloud: this.cloud,
      behaviours,
      identify: (token) => callerOf(this.cloud, token),
      authorize: authorizeCall,
    });
  }

  #tls() {
    return openTls(join(this.folder, "tls"), "gcp", []);
  }

  /** What clients of the sandbox trust. */
  async authority(): Promise<string> {
    return await Bun.file((await this.#tls()).authorityPath).text();
  }

  /** What the daemon does when it starts. */
  async resume(): Promise<void> {
    await resumeGke(this.cloud, (name, error) => {
      throw new Error(`${name} did not come back: ${error}`);
    });
  }

  /** Ends it as the daemon does: what it remembers stays in its folder. */
  async leave(): Promise<void> {
    stopWork(this.cloud);
    await controlPlanesOf(this.cloud).close();
    this.#flush();
  }

  async close(): Promise<void> {
    await this.leave();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @param path after the host */
  async ask(method: string, path: string, body?: JsonObject, token = this.token()): Promise<Answer> {
    const { response } = await this.#gateway.handle({
      method,
      url: new URL(`https://127.0.0.1:1/${path}`),
      headers: { authorization: `Bearer ${token}` },
      body: body === undefined ? "" : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as JsonObject };
  }

  /** Status and message of a refusal. */
  async refused(method: string, path: string, body?: JsonObject, token?: string): Promise<readonly [number, string]> {
    const answer = await this.ask(method, path, body, token);
    return [answer.status, stringAt(answer.body, "error", "message")];
  }

  /** Begins an operation, waits for it and answers it. */
  async work(method: string, path: string, body?: JsonObject): Promise<JsonObject> {
    const { status, body: operation } = await this.ask(method, path, body);
    if (status !== 200) throw new Error(JSON.stringify(operation));
    return await this.done(operation);
  }

  async done(operation: JsonObject): Promise<JsonObject> {
    const path = stringAt(operation, "selfLink").replace("https://container.googleapis.com/", "");
    for (const deadline = Date.now() + 8_000; ; await Bun.sleep(5)) {
      const { body } = await this.ask("GET", path.replace("/zones/", "/locations/"));
      if (body.status === "DONE") return body;
      if (Date.now() > deadline) throw new Error(`still running: ${JSON.stringify(body)}`);
    }
  }

  async read(path = cluster): Promise<JsonObject> {
    return (await this.ask("GET", path)).body;
  }

  /** Creates a cluster and reads it. */
  async make(given: JsonObject = autopilot()): Promise<JsonObject> {
    const { error } = await this.work("POST", clusters, { cluster: given });
    if (error !== undefined) throw new Error(JSON.stringify(error));
    return await this.read(`${clusters}/${given.name}`);
  }

  /** An access token; by default of the administrator, who owns the project. */
  token(subject: Subject = { kind: "user", email: administratorEmail }, granted: readonly string[] = scopes): string {
    return mintAccessToken(this.cloud, subject, granted).token;
  }

  /** Lets somebody have a role in the project from now on. */
  async grant(role: string, member: string): Promise<void> {
    const path = `v3/projects/${project.projectId}`;
    const { body: policy } = await this.ask("POST", `${path}:getIamPolicy`, {});
    const bindings = [...((policy.bindings ?? []) as JsonObject[]), { role, members: [member] }];
    const { status, body } = await this.ask("POST", `${path}:setIamPolicy`, { policy: { ...policy, bindings } });
    if (status !== 200) throw new Error(JSON.stringify(body));
    this.advance(61_000);
  }

  /** A call of the API server by the name that the cluster shows. */
  async server(path: string, token: string, init: RequestInit = {}): Promise<Answer> {
    const host = stringAt(await this.read(), "controlPlaneEndpointsConfig", "dnsEndpointConfig", "endpoint");
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await fetch(`https://${host}${path}`, { ...init, headers, tls: { ca: await this.authority() } });
    return { status: response.status, body: (await response.json()) as JsonObject };
  }

  objects(): Cluster {
    const found = controlPlanesOf(this.cloud).objects(cluster.replace("v1/", ""));
    if (found === undefined) throw new Error("nothing answers for k01");
    return found;
  }
}

/** What lib/gcp asks for, more or less. */
export function autopilot(changes: JsonObject = {}): JsonObject {
  return {
    name: "k01",
    autopilot: { enabled: true },
    releaseChannel: { channel: "REGULAR" },
    initialClusterVersion: "1.35",
    controlPlaneEndpointsConfig: {
      dnsEndpointConfig: { allowExternalTraffic: true },
      ipEndpointsConfig: { enabled: false },
    },
    networkConfig: { defaultEnablePrivateNodes: true },
    workloadIdentityConfig: { workloadPool: `${project.projectId}.svc.id.goog` },
    resourceLabels: { project: "k8s-multicluster-gitops" },
    ...changes,
  };
}

export function standard(changes: JsonObject = {}): JsonObject {
  const { autopilot: _, ...others } = autopilot(changes);
  const pool = { name: "default", initialNodeCount: 1, config: { machineType: "e2-standard-4" } };
  return { nodePools: [pool], ...others };
}

export async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never came about: ${isSo}`);
    await Bun.sleep(5);
  }
}

/** Fields of an object, sorted. */
export function fieldsOf(value: unknown): readonly string[] {
  return Object.keys(objectAt(value)).sort();
}
