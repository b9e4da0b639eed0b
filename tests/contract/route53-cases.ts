import { type ChangeAction, Route53, type RRType } from "@aws-sdk/client-route-53";

export type SystemName = "sandbox" | "moto" | "ministack";

/** What a call comes to: what it answers, or the error's name and words. */
type Outcome = unknown;

/** One thing that Route 53 does, and what others do instead; BEHAVIOUR.md says who is right. */
export interface Case {
  readonly title: string;
  run(calls: Calls): Promise<Outcome>;
  readonly expected: Outcome;
  /** What others answer who are wrong by AWS's documentation. */
  readonly differs?: Partial<Record<Exclude<SystemName, "sandbox">, Outcome>>;
}

export interface Calls {
  readonly route53: Route53;
  makeZone(name: string, reference?: string): Promise<{ readonly id: string; readonly servers: readonly string[] }>;
  change(id: string, ...changes: readonly Change[]): Promise<unknown>;
  /** `name TTL type values` of each set. */
  records(id: string): Promise<readonly string[]>;
}
type Change = readonly [action: ChangeAction, name: string, type: RRType, ttl: number | undefined, ...values: string[]];

/** Names of zones that no other test has: the systems live as long as the file. */
let count = 0;
const newName = (below = "mylabs.test"): string => `z${count++}.${below}`;

export function callsOf(
  endpoint: string,
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
): Calls & { destroy(): void } {
  const client = new Route53({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
  return {
    route53: client,
    destroy: () => client.destroy(),
    async makeZone(name, reference = `reference ${count++}`) {
      const made = await client.createHostedZone({ Name: name, CallerReference: reference });
      return { id: made.HostedZone?.Id ?? "", servers: made.DelegationSet?.NameServers ?? [] };
    },
    change: async (id, ...changes) =>
      await client.changeResourceRecordSets({
        HostedZoneId: id,
        ChangeBatch: {
          Changes: changes.map(([Action, Name, Type, TTL, ...values]) => ({
            Action,
            ResourceRecordSet: { Name, Type, TTL, ResourceRecords: values.map((Value) => ({ Value })) },
          })),
        },
      }),
    async records(id) {
      const { ResourceRecordSets = [] } = await client.listResourceRecordSets({ HostedZoneId: id });
      return ResourceRecordSets.map(
        ({ Name, TTL, Type, ResourceRecords = [] }) =>
          `${Name} ${TTL} ${Type} ${ResourceRecords.map(({ Value }) => Value).join(" ")}`,
      );
    },
  };
}

async function refusal(call: Promise<unknown>): Promise<Outcome> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return `${error.name}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

/** Errors by their names alone: others don't claim to have AWS's words. */
export function withoutWords(outcome: Outcome): Outcome {
  if (Array.isArray(outcome)) return outcome.map(withoutWords);
  return typeof outcome === "string" ? outcome.replace(/^([A-Z]\w+): .*$/, "$1") : outcome;
}

const a = "192.0.2.1";
export const cases: readonly Case[] = [
  {
    title: "a new zone has an SOA, an NS and four name servers, and is PENDING",
    async run({ route53: client, records }) {
      const Name = newName();
      const made = await client.createHostedZone({ Name, CallerReference: Name });
      const id = made.HostedZone?.Id ?? "";
      return {
        name: made.HostedZone?.Name === `${Name}.`,
        status: made.ChangeInfo?.Status,
        servers: made.DelegationSet?.NameServers?.length,
        count: made.HostedZone?.ResourceRecordSetCount,
        records: (await records(id)).map((line) => line.replaceAll(Name, "ZONE").replace(/ns-\d+\.awsdns\S+/g, "NS")),
      };
    },
    expected: {
      name: true,
      status: "PENDING",
      servers: 4,
      count: 2,
      records: [
        "ZONE. 172800 NS NS NS NS NS",
        "ZONE. 900 SOA NS awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
      ],
    },
    differs: {
      moto: {
        name: true,
        status: "INSYNC",
        servers: 4,
        count: 2,
        records: [
          "ZONE. 172800 NS NS NS NS NS",
          "ZONE. 900 SOA {'Value': 'NS hostmaster.example.com. 1 7200 900 1209600 86400'}",
        ],
      },
    },
  },
  {
    title: "a caller reference creates one zone",
    async run({ makeZone }) {
      const name = newName();
      await makeZone(name, name);
      return await refusal(makeZone(name, name));
    },
    expected: "HostedZoneAlreadyExists: A hosted zone has already been created with the specified caller reference.",
    differs: { moto: "accepted", ministack: "accepted" },
  },
  {
    title: "two zones of one name, and zones above each other, share no name server",
    async run({ makeZone }) {
      const name = newName();
      const zones = [await makeZone(name), await makeZone(name), await makeZone(`sub.${name}`)];
      return new Set(zones.flatMap(({ servers }) => servers)).size;
    },
    expected: 12,
    differs: { moto: 4, ministack: 4 },
  },
  {
    title: "a zone for a top-level domain is refused",
    run: async ({ makeZone }) => await refusal(makeZone("test")),
    expected: "InvalidDomainName: test is reserved by AWS!",
    differs: { moto: "accepted", ministack: "accepted" },
  },
  {
    title: "zones by name are sorted by reversed labels, starting at the requested name",
    async run({ route53: client, makeZone }) {
      const parent = newName();
      for (const name of [`b.${parent}`, `a.b.${parent}`, parent, `a.${parent}`]) await makeZone(name);
      const { HostedZones = [] } = await client.listHostedZonesByName({ DNSName: parent });
      return HostedZones.flatMap(({ Name = "" }) => (Name.includes(parent) ? [Name.replace(parent, "P")] : []));
    },
    expected: ["P.", "a.P.", "b.P.", "a.b.P."],
    differs: { moto: ["P."], ministack: ["P."] },
  },
  {
    title: "names are normalized to lower case with escapes, and sorted",
    async run({ makeZone, change, records }) {
      const name = newName();
      const { id } = await makeZone(name);
      await change(id, ["CREATE", `WWW.${name}`, "A", 60, a], ["UPSERT", `*.${name}`, "TXT", 60, '"a" "b"']);
      return (await records(id)).slice(2).map((line) => line.replace(name, "ZONE"));
    },
    expected: ['\\052.ZONE. 60 TXT "a" "b"', "www.ZONE. 60 A 192.0.2.1"],
    differs: {
      moto: ['*.ZONE. 60 TXT "a" "b"', "WWW.ZONE. 60 A 192.0.2.1"],
      ministack: ['*.ZONE. 60 TXT "a" "b"', "WWW.ZONE. 60 A 192.0.2.1"],
    },
  },
  {
    title: "a batch is made whole or not at all",
    async run({ makeZone, change, records }) {
      const name = newName();
      const { id } = await makeZone(name);
      const taken: Change = ["CREATE", `b.${name}`, "A", 60, a];
      await change(id, taken);
      const why = await refusal(change(id, ["CREATE", `a.${name}`, "A", 60, a], taken));
      return [String(why).replace(name, "ZONE"), (await records(id)).length];
    },
    expected: [
      "InvalidChangeBatch: [Tried to create resource record set [name='b.ZONE.', type='A'] but it already exists]",
      3,
    ],
  },
  ...refusedChanges(),
  {
    title: "a zone with a delegation is not deleted",
    async run({ route53: client, makeZone, change }) {
      const name = newName();
      const { id } = await makeZone(name);
      await change(id, ["CREATE", `sub.${name}`, "NS", 60, "ns.other.test"]);
      return await refusal(client.deleteHostedZone({ Id: id }));
    },
    expected:
      "HostedZoneNotEmpty: The specified hosted zone contains non-required resource record sets  and so cannot be deleted.",
    differs: { moto: "accepted" },
  },
  {
    title: "a zone that is deleted is gone",
    async run({ route53: client, makeZone }) {
      const { id } = await makeZone(newName());
      await client.deleteHostedZone({ Id: id });
      const why = await refusal(client.getHostedZone({ Id: id }));
      return String(why).replace(id.replace("/hostedzone/", ""), "ID");
    },
    expected: "NoSuchHostedZone: No hosted zone found with ID: ID",
  },
  {
    title: "a change becomes INSYNC, and an unknown change does not exist",
    async run({ route53: client, makeZone, change }) {
      const name = newName();
      const { id } = await makeZone(name);
      const made = (await change(id, ["CREATE", `a.${name}`, "A", 60, a])) as { ChangeInfo?: { Id?: string } };
      for (let tries = 0; tries < 100; tries++) {
        const { ChangeInfo } = await client.getChange({ Id: made.ChangeInfo?.Id });
        if (ChangeInfo?.Status === "INSYNC") return ["INSYNC", await refusal(client.getChange({ Id: "C0123456789" }))];
        await Bun.sleep(10);
      }
      return "PENDING";
    },
    expected: ["INSYNC", "NoSuchChange: Could not find resource with ID: C0123456789"],
    differs: { moto: ["INSYNC", "accepted"] },
  },
  {
    title: "tags are added, replaced and removed",
    async run({ route53: client, makeZone }) {
      const { id } = await makeZone(newName());
      const zone = { ResourceType: "hostedzone", ResourceId: id.replace("/hostedzone/", "") } as const;
      const add = (Key: string, Value: string) => client.changeTagsForResource({ ...zone, AddTags: [{ Key, Value }] });
      await add("project", "a");
      await add("fleet", "b");
      await add("project", "c");
      await client.changeTagsForResource({ ...zone, RemoveTagKeys: ["fleet"] });
      return (await client.listTagsForResource(zone)).ResourceTagSet?.Tags;
    },
    expected: [{ Key: "project", Value: "c" }],
  },
  {
    title: "pages of records begin where the last one ended",
    async run({ route53: client, makeZone, change }) {
      const name = newName();
      const { id } = await makeZone(name);
      await change(id, ["CREATE", `a.${name}`, "A", 60, a], ["CREATE", `a.${name}`, "TXT", 60, '"a"']);
      const pages: string[] = [];
      let next: { StartRecordName?: string | undefined; StartRecordType?: RRType | undefined } = {};
      for (let index = 0; index < 9; index++) {
        const page = await client.listResourceRecordSets({ HostedZoneId: id, MaxItems: 1, ...next });
        pages.push(...(page.ResourceRecordSets ?? []).map(({ Type = "" }) => Type));
        if (page.IsTruncated !== true) break;
        next = { StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType };
      }
      return pages;
    },
    expected: ["NS", "SOA", "A", "TXT"],
  },
];

/** Changes that are refused: the name of the zone is ZONE in them and in the answer. */
function refusedChanges(): readonly Case[] {
  const set = (name: string, type: string): string => `resource record set [name='${name}', type='${type}']`;
  const list: readonly (Omit<Case, "run"> & { readonly first?: Change; readonly change: Change })[] = [
    {
      title: "a record outside of the zone",
      change: ["CREATE", "a.elsewhere.test", "A", 60, a],
      expected: "InvalidChangeBatch: [RRSet with DNS name a.elsewhere.test. is not permitted in zone ZONE.]",
      differs: { ministack: "accepted" },
    },
    {
      title: "DELETE with another TTL",
      first: ["CREATE", "a.ZONE", "A", 60, a],
      change: ["DELETE", "a.ZONE", "A", 61, a],
      expected: `InvalidChangeBatch: [Tried to delete ${set("a.ZONE.", "A")} but the values provided do not match the current values]`,
      differs: { moto: "InvalidInput" },
    },
    {
      title: "DELETE of a missing record",
      change: ["DELETE", "a.ZONE", "A", 60, a],
      expected: `InvalidChangeBatch: [Tried to delete ${set("a.ZONE.", "A")} but it was not found]`,
      differs: { moto: "InvalidInput" },
    },
    {
      title: "a CNAME with the name of another record",
      first: ["CREATE", "a.ZONE", "A", 60, a],
      change: ["CREATE", "a.ZONE", "CNAME", 60, "b.test"],
      expected:
        "InvalidChangeBatch: [RRSet of type CNAME with DNS name a.ZONE. is not permitted as it conflicts with other records with the same DNS name in zone ZONE.]",
      differs: { moto: "accepted", ministack: "accepted" },
    },
    {
      title: "a CNAME at the apex",
      change: ["CREATE", "ZONE", "CNAME", 60, "b.test"],
      expected: "InvalidChangeBatch: [RRSet of type CNAME with DNS name ZONE. is not permitted at apex in zone ZONE.]",
      differs: { moto: "accepted", ministack: "accepted" },
    },
    {
      title: "an invalid address",
      change: ["CREATE", "a.ZONE", "A", 60, "b.test"],
      expected:
        "InvalidChangeBatch: [Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'b.test'']",
      differs: { moto: "accepted", ministack: "accepted" },
    },
    {
      title: "a text without quotation marks",
      change: ["CREATE", "a.ZONE", "TXT", 60, "text"],
      expected:
        "InvalidChangeBatch: [Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with 'text'']",
      differs: { moto: "accepted", ministack: "accepted" },
    },
    {
      title: "a record set without a TTL",
      change: ["CREATE", "a.ZONE", "A", undefined, a],
      expected:
        "InvalidInput: Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with [Action=CREATE, Name=a.ZONE, Type=A, SetIdentifier=null]",
      differs: { moto: "accepted", ministack: "accepted" },
    },
  ];
  return list.map(({ title, first, change, ...rest }) => ({
    ...rest,
    title: `${title} is refused`,
    async run(calls) {
      const zone = newName();
      const { id } = await calls.makeZone(zone);
      const inZone = ([action, name, ...others]: Change): Change => [action, name.replace("ZONE", zone), ...others];
      if (first !== undefined) await calls.change(id, inZone(first));
      return String(await refusal(calls.change(id, inZone(change)))).replaceAll(zone, "ZONE");
    },
  }));
}
