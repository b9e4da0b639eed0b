import type { Change, ChangeInfo, ChangeStatus, ResourceRecordSet, Route53, RRType } from "@aws-sdk/client-route-53";
import { type ClientCalls, clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsActor } from "#lib/aws/clients.ts";
import { isAwsError, isPassing } from "#lib/aws/explain.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { normalize } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";

/** Zones and records, as one actor. */
export type Route53Calls = ClientCalls<Route53>;

export async function openRoute53(world: AwsWorld, actor: AwsActor): Promise<Route53Calls> {
  return clientCalls(world, actor, await world.aws.route53(actor));
}

/** "Typically, a change propagates within 60 seconds" (GetChange); five times that is stuck. */
const inSyncTimeoutMs = 5 * 60_000;
/** Route 53 allows five calls per second and account: the interval between polls grows. */
const firstPauseMs = 500;
const longestPauseMs = 5_000;
/** Changes per batch; Route 53 accepts 1,000 values, and an alias or an UPSERT counts more than once. */
const batchSize = 200;

/** The usual form of a name: Route 53 returns `\052.example.org.` for `*.example.org`. */
export function decodeName(name: string | undefined): string {
  const unescaped = (name ?? "").replace(/\\(\d{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  );
  return normalize(unescaped);
}

/** Route 53 accepts `/hostedzone/Z123` and `Z123`; tags need the latter. */
export function bareId(id: string | undefined): string {
  return (id ?? "").split("/").at(-1) ?? "";
}

/** Every record set of a zone, as Route 53 spells it: a deletion must repeat it to the letter. */
export async function listRecords(call: Route53Calls, zoneId: string): Promise<readonly ResourceRecordSet[]> {
  const all: ResourceRecordSet[] = [];
  let start: { StartRecordName?: string; StartRecordType?: RRType; StartRecordIdentifier?: string } = {};
  for (;;) {
    const page = await call(`listing the records of ${zoneId}`, (route53, options) =>
      route53.listResourceRecordSets({ HostedZoneId: zoneId, ...start }, options),
    );
    all.push(...(page.ResourceRecordSets ?? []));
    if (page.IsTruncated !== true || page.NextRecordName === undefined) return all;
    start = {
      StartRecordName: page.NextRecordName,
      ...(page.NextRecordType === undefined ? {} : { StartRecordType: page.NextRecordType }),
      ...(page.NextRecordIdentifier === undefined ? {} : { StartRecordIdentifier: page.NextRecordIdentifier }),
    };
  }
}

/** One record set; undefined when the zone has none of that name and type. */
export async function findRecordSet(
  call: Route53Calls,
  zoneId: string,
  name: string,
  type: RRType,
): Promise<ResourceRecordSet | undefined> {
  const page = await call(`reading ${type} of ${name}`, (route53, options) =>
    route53.listResourceRecordSets(
      { HostedZoneId: zoneId, StartRecordName: name, StartRecordType: type, MaxItems: 1 },
      options,
    ),
  );
  // The listing starts at its position.
  return (page.ResourceRecordSets ?? []).find((set) => set.Type === type && decodeName(set.Name) === normalize(name));
}

/** Changes records, each batch whole or not at all; gives the last change, for `waitInSync`; undefined when there was none. */
export async function changeRecords(
  call: Route53Calls,
  zoneId: string,
  what: string,
  changes: readonly Change[],
): Promise<ChangeInfo | undefined> {
  let last: ChangeInfo | undefined;
  for (let start = 0; start < changes.length; start += batchSize) {
    const batch = changes.slice(start, start + batchSize);
    const answer = await call(what, (route53, options) =>
      route53.changeResourceRecordSets({ HostedZoneId: zoneId, ChangeBatch: { Changes: batch } }, options),
    );
    last = answer.ChangeInfo;
  }
  return last;
}

/**
 * Waits until all of Route 53's own servers have a change.
 *
 * @param what the subject of the wait: `the zone`
 * @throws FleetError WaitTimedOut
 */
export async function waitInSync(
  { clock, signal, progress }: Pick<AwsWorld, "clock" | "signal" | "progress">,
  call: Route53Calls,
  change: ChangeInfo | undefined,
  what: string,
): Promise<void> {
  if (change === undefined) return;
  const began = clock.now();
  let status = change.Status;
  for (let pauseMs = firstPauseMs; status !== "INSYNC"; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    const waitedMs = clock.now() - began;
    if (waitedMs >= inSyncTimeoutMs) {
      throw new FleetError("WaitTimedOut", `${what} is not at all servers of Route 53 after 5 minutes: ${status}`, {
        hint: "run the same command again; https://health.aws.amazon.com shows disturbances",
      });
    }
    progress(`waiting until all servers of Route 53 have ${what} · ${Math.round(waitedMs / 1_000)} s`);
    await clock.sleep(pauseMs, signal);
    status = (await pollChange(call, bareId(change.Id), what)) ?? status;
  }
}

/** Undefined when there was no answer this time. */
async function pollChange(call: Route53Calls, id: string, what: string): Promise<ChangeStatus | undefined> {
  try {
    const answer = await call(`asking how far ${what} is`, (route53, options) =>
      route53.getChange({ Id: id }, options),
    );
    return answer.ChangeInfo?.Status;
  } catch (error) {
    if (isPassing(error)) return undefined;
    throw error;
  }
}

/** Whether it was already gone. */
export function isNoSuchZone(error: unknown): boolean {
  return isAwsError(error, "NoSuchHostedZone");
}
