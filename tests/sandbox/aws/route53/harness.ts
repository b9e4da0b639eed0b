import { type ChangeResourceRecordSetsResponse, Route53, type RRType } from "@aws-sdk/client-route-53";
import { AwsFault, accessDenied, type Call, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import type { ContextValues } from "#sandbox/aws/policy/context.ts";
import { answerFaultOf } from "#sandbox/aws/protocol/faults.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { openGithub } from "#sandbox/cloud/github.ts";

export const account = "111122223333";
export const otherAccount = "444455556666";

/** A question of authorisation that the service asked. */
export interface Asked {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  readonly context: ContextValues;
}

/** A cloud in memory whose time stands still until it is moved. */
export interface MemoryCloud {
  readonly cloud: Cloud;
  readonly asked: Asked[];
  /** Refuses what it says no to. */
  permit: (asked: Asked) => boolean;
  pass(ms: number): void;
  /** Everything, as it would be written to disk. */
  stored(): unknown;
}

export function memoryCloud(): MemoryCloud {
  const slices = new Map<string, { service: string; account: string; region: string; state: object }>();
  let time = Date.parse("2026-01-01T00:00:00Z");
  const memory: MemoryCloud = {
    asked: [],
    permit: () => true,
    pass(ms) {
      time += ms;
    },
    stored: () => JSON.parse(JSON.stringify([...slices.values()])),
    cloud: {
      slice<State extends object>(service: string, owner: string, region: string, initial: () => State): State {
        const key = `${service}/${owner}/${region}`;
        const found = slices.get(key) ?? { service, account: owner, region, state: initial() };
        slices.set(key, found);
        return found.state as State;
      },
      slices<State extends object>(service: string) {
        return [...slices.values()]
          .filter((slice) => slice.service === service)
          .map(({ account: owner, region, state }) => ({ account: owner, region, state: state as State }));
      },
      save() {},
      authorize(caller, action, resource, context = {}) {
        const asked = { principal: caller.principal, action, resource, context };
        memory.asked.push(asked);
        if (!memory.permit(asked)) throw accessDenied(caller, action, resource, "because of the test");
      },
      assumeAsService() {
        throw new Error("Route 53 acts in nobody's name");
      },
      github: openGithub("/dev/null/github.pem"),
      pace: { scale: (ms) => ms, wait: () => Promise.reject(new Error("Route 53 waits for nothing")) },
      now: () => new Date(time),
    },
  };
  return memory;
}

export interface Route53Server extends MemoryCloud {
  readonly endpoint: string;
  /** Of `account`. */
  readonly route53: Route53;
  client(owner: string): Route53;
  /** The id of a new zone. */
  makeZone(name: string, reference?: string): Promise<string>;
  upsert(
    id: string,
    name: string,
    type: RRType,
    ...values: readonly string[]
  ): Promise<ChangeResourceRecordSetsResponse>;
  stop(): Promise<void>;
}

/** The service behind HTTP; callers are who their access key says. */
export function openRoute53(): Route53Server {
  const memory = memoryCloud();
  const service = route53(memory.cloud);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const [, owner = ""] = /Credential=AKIA0000(\d{12})\//.exec(request.headers.get("authorization") ?? "") ?? [];
      const call: Call = {
        caller: callerOf(owner),
        region: "us-east-1",
        requestId: Bun.randomUUIDv7(),
        method: request.method,
        url: new URL(request.url),
        body: await request.text(),
      };
      return await service.handle(call).catch((error: unknown) => {
        if (error instanceof AwsFault) return answerFaultOf(service.name, error, call.requestId);
        throw error;
      });
    },
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const clients: Route53[] = [];
  const client = (owner: string): Route53 => {
    const made = new Route53({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: `AKIA0000${owner}`, secretAccessKey: "secret" },
      maxAttempts: 1,
    });
    clients.push(made);
    return made;
  };
  const own = client(account);
  let references = 0;
  return Object.assign(memory, {
    endpoint,
    route53: own,
    client,
    async makeZone(name: string, reference = `reference ${references++}`) {
      const { HostedZone } = await own.createHostedZone({ Name: name, CallerReference: reference });
      return HostedZone?.Id?.replace("/hostedzone/", "") ?? "";
    },
    async upsert(id: string, name: string, type: RRType, ...values: readonly string[]) {
      const records = values.map((Value) => ({ Value }));
      const set = { Name: name, Type: type, TTL: 300, ResourceRecords: records };
      const batch = { Comment: "by a test", Changes: [{ Action: "UPSERT" as const, ResourceRecordSet: set }] };
      return await own.changeResourceRecordSets({ HostedZoneId: id, ChangeBatch: batch });
    },
    async stop() {
      for (const each of clients) each.destroy();
      await server.stop(true);
    },
  });
}

/** Name, words and status of the error that a call ends with. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<readonly [name: string, message: string, status: unknown]> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error("it was accepted");
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return [error.name, error.message, $metadata?.httpStatusCode];
}

function callerOf(owner: string): Caller {
  const arn = `arn:aws:iam::${owner}:user/aws-cli`;
  return { account: owner, arn, principal: arn, context: {} };
}
