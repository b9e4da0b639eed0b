import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopWork } from "#sandbox/cloud/later.ts";
import { type GcpCall, GcpFault, type Json } from "#sandbox/gcp/api/behaviour.ts";
import { Gateway } from "#sandbox/gcp/api/gateway.ts";
import { behaviours } from "#sandbox/gcp/behaviours.ts";
import type { Caller, GcpCloud, Project } from "#sandbox/gcp/cloud.ts";
import { enableServices } from "#sandbox/gcp/projects/services.ts";
import { listAt, stringAt } from "#sandbox/json.ts";
import { openTestBase } from "#tests/support/cloud-base.ts";

export const project: Project = { projectId: "example-01", number: "100000000001", name: "gcp-01" };
export const otherProject: Project = { projectId: "example-02", number: "100000000002", name: "gcp-02" };
export const zones = `dns/v1/projects/${project.projectId}/managedZones`;

/** A minute of Google in the real milliseconds of a test. */
const speed = 600;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** Google's APIs without their HTTP server, asked by somebody who may do everything unless `denied` says otherwise. */
export interface OpenedGoogle {
  readonly cloud: GcpCloud;
  /** @param path after the host: `dns/v1/projects/P` */
  ask(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  /** Methods that are refused. */
  readonly denied: Set<string>;
  /** Calls that were authorized. */
  readonly calls: GcpCall[];
  /** Moves its clock. */
  advance(ms: number): void;
  /** Stops it and opens it again with its state. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** @param services whether all services of both projects are enabled */
export async function openGoogle(services = true): Promise<OpenedGoogle> {
  const folder = await mkdtemp(join(tmpdir(), "google-"));
  const [denied, calls] = [new Set<string>(), [] as GcpCall[]];
  const caller: Caller = { name: "somebody@example.com", members: ["user:somebody@example.com"], scopes: [] };
  let aheadMs = 0;
  const open = () => {
    const { base, flush } = openTestBase(folder, speed, () => new Date(Date.now() + aheadMs));
    const cloud: GcpCloud = { ...base, projects: () => [project, otherProject] };
    const gateway = new Gateway({
      cloud,
      behaviours,
      identify(token) {
        if (token !== "right") throw new GcpFault(401, "UNAUTHENTICATED", "invalid");
        return caller;
      },
      authorize(call) {
        calls.push(call);
        if (denied.has(call.method)) throw new GcpFault(403, "PERMISSION_DENIED", `not ${call.method}`);
      },
    });
    return { cloud, gateway, flush };
  };
  let opened = open();
  if (services) for (const one of [project, otherProject]) enableServices(opened.cloud, one);
  return {
    denied,
    calls,
    advance: (ms) => {
      aheadMs += ms;
    },
    get cloud() {
      return opened.cloud;
    },
    async ask(method, path, body, headers = {}) {
      const { response } = await opened.gateway.handle({
        method,
        url: new URL(`https://127.0.0.1:1/${path}`),
        headers: { authorization: "Bearer right", ...headers },
        body: body === undefined ? "" : JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
    },
    async restart() {
      stopWork(opened.cloud);
      opened.flush();
      opened = open();
    },
    async close() {
      stopWork(opened.cloud);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Status and reason of a refusal. */
export function refusalOf({ status, body }: Answered): readonly [number, string] {
  return [status, stringAt(listAt(body, "error", "errors")[0], "reason")];
}

/** Status and message of a refusal. */
export function messageOf({ status, body }: Answered): readonly [number, string] {
  return [status, stringAt(body, "error", "message")];
}
