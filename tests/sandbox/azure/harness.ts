import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gateway } from "#sandbox/azure/arm/gateway.ts";
import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import { kinds, listings } from "#sandbox/azure/arm/kinds.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import { stopWork } from "#sandbox/cloud/later.ts";
import { openTestBase } from "#tests/support/cloud-base.ts";

export const [subscription, otherSubscription] = [
  "22222222-2222-2222-2222-222222222222",
  "33333333-3333-3333-3333-333333333333",
];
export const tenant = "11111111-1111-1111-1111-111111111111";
export const group = `/subscriptions/${subscription}/resourceGroups/Zones`;
export const version = "2018-05-01";

/** A minute of Azure in the real milliseconds of a test. */
const speed = 600;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // Answers are compared as a whole or by their fields.
  readonly body: Body;
}

interface Body {
  readonly [field: string]: never;
}

/** Resource Manager without its HTTP server, asked by somebody who may do everything unless `denied` says otherwise. */
export interface OpenedArm {
  readonly cloud: AzureCloud;
  ask(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Answered>;
  /** Actions that are refused. */
  readonly denied: Set<string>;
  /** Actions that were asked for, with their scopes. */
  readonly asked: string[];
  /** Stops it and opens it again with its state. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function openArm(now?: () => Date): Promise<OpenedArm> {
  const folder = await mkdtemp(join(tmpdir(), "arm-"));
  const [denied, asked] = [new Set<string>(), [] as string[]];
  const caller: Caller = { tenant, objectId: "somebody", appId: "program", groups: [] };
  const open = () => {
    const { base, flush } = openTestBase(folder, speed, now);
    const cloud: AzureCloud = {
      ...base,
      subscriptions: () => [
        { subscriptionId: subscription, tenantId: tenant, name: "az-mgmt" },
        { subscriptionId: otherSubscription, tenantId: tenant, name: "az-01" },
        { subscriptionId: "44444444-4444-4444-4444-444444444444", tenantId: "another", name: "foreign" },
      ],
    };
    const gateway = new Gateway({
      cloud,
      kinds,
      listings,
      async identify(token) {
        if (token !== "right") throw new ArmFault(401, "InvalidAuthenticationToken", "The access token is invalid.");
        return caller;
      },
      authorize(_, action, scope) {
        asked.push(`${action} ${scope}`);
        if (denied.has(action)) throw new ArmFault(403, "AuthorizationFailed", `not ${action}`);
      },
    });
    gateway.resume();
    return { cloud, gateway, flush };
  };
  let opened = open();
  return {
    denied,
    asked,
    get cloud() {
      return opened.cloud;
    },
    async ask(method, path, body, headers = {}) {
      const url = new URL(path, "https://management.azure.com");
      if (!url.searchParams.has("api-version")) url.searchParams.set("api-version", version);
      const { response } = await opened.gateway.handle({
        method,
        url,
        headers: { authorization: "Bearer right", ...headers },
        body: body === undefined ? "" : JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: JSON.parse(text === "" ? "{}" : text) as Body,
      };
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
