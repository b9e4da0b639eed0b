import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IAM } from "@aws-sdk/client-iam";
import { type ResourceRecordSet, Route53 } from "@aws-sdk/client-route-53";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { ensureCliUser } from "#lib/aws/iam/cli-user.ts";
import { oidcProvider } from "#lib/aws/iam/oidc-provider.ts";
import type { AccessKey } from "#lib/aws/iam/shared-credentials.ts";
import { delegation } from "#lib/aws/route53/delegation.ts";
import { hostedZone } from "#lib/aws/route53/hosted-zone.ts";
import { decodeName, listRecords, openRoute53 } from "#lib/aws/route53/route53.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { systemClock } from "#lib/clock.ts";
import { readDirectory } from "#lib/dns/directory.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import type { WorldOptions } from "#lib/graph/world.ts";
import { create } from "#lib/verbs/create.ts";
import { remove } from "#lib/verbs/delete.ts";
import type { Verb } from "#lib/verbs/engine.ts";
import { status } from "#lib/verbs/status.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { iamService } from "#sandbox/aws/iam/service.ts";
import { nameServerPool } from "#sandbox/aws/route53/name-servers.ts";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { openCloud } from "#sandbox/aws/state.ts";
import { openHttpServer } from "#sandbox/cloud/http-server.ts";
import { openDnsHost } from "#sandbox/dns/host.ts";
import { paceOf } from "#sandbox/pace.ts";
import { awsWorld, bound } from "#tests/support/aws-world.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";
import { ministack, openMinistack } from "#tests/support/ministack.ts";
import { moto, openMoto } from "#tests/support/moto.ts";

/** A change of ministack is at all servers after a second or two. */
setDefaultTimeout(60_000);

const management: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const tenant: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const domain = "mylabs.test";
const parentName = `k8s.aws.${domain}`;
const tags = { project: "k8s-multicluster-gitops", fleet: domain };

/** An AWS: where it is, how one signs for an account, and who tells its zones. */
interface System {
  readonly endpoint: string;
  keysOf(account: string): { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** File that says where its name servers are; undefined where nobody answers for its zones. */
  readonly dnsDirectory: string | undefined;
  stop(): Promise<void>;
}

/** Half a minute of the real service in 30 ms. */
const speed = 1_000;

async function openSandbox(): Promise<System> {
  const folder = await mkdtemp(join(tmpdir(), "zones-"));
  const cloud = openCloud({ path: join(folder, "aws.json"), pace: paceOf(() => speed) });
  const server = await openHttpServer({ api: () => awsApi(cloud, [iamService(cloud), route53(cloud)]) });
  const dnsDirectory = join(folder, "directory.json");
  const host = await openDnsHost({
    servers: nameServerPool,
    zones: () => servedZones(cloud),
    domains: () => [domain],
    directoryPath: dnsDirectory,
    statePath: join(folder, "dns.json"),
  });
  return {
    endpoint: server.endpoint,
    keysOf: administratorKeys,
    dnsDirectory,
    async stop() {
      await host.close();
      await server.stop();
      cloud.flush();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// A key that is an account's number is its root user's in ministack; in moto every key is of the one account.
const keysOf = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: "test" });
const systems: readonly (readonly [string, (() => Promise<System>) | undefined])[] = [
  ["the sandbox", openSandbox],
  ["moto", moto === undefined ? undefined : async () => ({ ...(await openMoto()), keysOf, dnsDirectory: undefined })],
  [
    "ministack",
    ministack === undefined ? undefined : async () => ({ ...(await openMinistack()), keysOf, dnsDirectory: undefined }),
  ],
];

for (const [system, open] of systems) {
  if (open === undefined)
    process.stdout.write(`zones and delegations are not tried on ${system}: it is not installed\n`);

  describe.skipIf(open === undefined)(`zones, delegations, users and identity providers on ${system}`, () => {
    let aws: System;
    const clients: { destroy(): void }[] = [];
    beforeAll(async () => {
      if (open !== undefined) aws = await open();
    });
    afterAll(async () => {
      for (const client of clients) client.destroy();
      await aws.stop();
    });

    const clientOf = <Client extends { destroy(): void }>(
      who: string,
      Constructor: new (settings: ReturnType<typeof settingsOf>) => Client,
    ): Client => {
      const client = new Constructor(settingsOf(who));
      clients.push(client);
      return client;
    };
    const settingsOf = (who: string) => {
      const account = who.startsWith(management.name) ? management : tenant;
      return { region: "us-east-1", endpoint: aws.endpoint, credentials: aws.keysOf(account.accountId) };
    };

    /** Nobody but the sandbox has servers that tell its zones. */
    async function worldOf(flags: Partial<WorldOptions> = {}): Promise<AwsWorld> {
      const proof =
        aws.dnsDirectory === undefined ? { skipDnsCheck: true } : { dns: await readDirectory(aws.dnsDirectory) };
      const { world } = awsWorld({
        clock: systemClock,
        skipDnsWait: true,
        ...proof,
        route53: (who) => clientOf(who, Route53),
        iam: (who) => clientOf(who, IAM),
        ...flags,
      });
      return world;
    }

    /** Outcomes by resource; what fails ends with the code of its error. */
    async function run(verb: Verb, resources: readonly AnyResource[], flags: Partial<WorldOptions> = {}) {
      const world = await worldOf(flags);
      const ends: Record<string, string> = {};
      await verb.run({
        resources,
        outputs: createOutputs(),
        clock: world.clock,
        signal: world.signal,
        verbose: false,
        limit: () => 8,
        emit(event) {
          if (event.kind === "finished") ends[event.id] = event.error?.code ?? event.outcome;
        },
        worldOf: () => world,
      });
      return ends;
    }

    const actors = {
      management: { account: management, as: "management" },
      clusters: { account: tenant, as: "clusters" },
    } as const;

    let count = 0;
    /** A parent zone that is there, and a cluster's zone and delegation that aren't yet. */
    async function stage() {
      const number = `${++count}`;
      const name = `k0${number}.${parentName}`;
      const call = await openRoute53(await worldOf(), actors.management);
      const made = await call("making the parent", (client) =>
        client.createHostedZone({ Name: parentName, CallerReference: `parent ${number}` }),
      );
      const parentZone = {
        zoneId: made.HostedZone?.Id ?? "",
        name: parentName,
        nameServers: made.DelegationSet?.NameServers ?? [],
      };
      const owner = { kind: "cluster", name, group: "aws" } as const;
      const parent = fakeResource("parent", { observed: { kind: "present", state: { value: 1 } } }).resource;
      const zone = bound(
        hostedZone({
          id: "zone",
          title: `${name}: zone`,
          row: owner,
          actor: actors.clusters,
          name,
          tags: { ...tags, cluster: name },
          needs: [],
        }),
      );
      const led = bound(
        delegation({
          id: "delegation",
          title: `${name}: delegation`,
          row: owner,
          actor: actors.management,
          parent,
          parentOf: () => parentZone,
          name,
          zone,
          zoneActor: actors.clusters,
        }),
      );
      const records = async () => {
        const sets = await listRecords(call, parentZone.zoneId);
        return sets.filter((set) => decodeName(set.Name) === name).map(({ Type, TTL }) => `${Type} ${TTL}`);
      };
      return { name, resources: [parent, zone, led], records, delegated: parentZone };
    }

    test("are made, left alone, and removed", async () => {
      const { resources, records } = await stage();
      expect(await run(create, resources)).toMatchObject({ zone: "made", delegation: "made" });
      expect(await records()).toEqual(["NS 300"]);
      expect(await run(create, resources)).toMatchObject({ zone: "unchanged", delegation: "unchanged" });
      expect(await run(status, resources)).toMatchObject({ zone: "healthy", delegation: "healthy" });
      expect(await run(remove, resources)).toMatchObject({ zone: "removed", delegation: "removed" });
      expect(await records()).toEqual([]);
      expect(await run(status, resources)).toMatchObject({ zone: "absent", delegation: "absent" });
      expect(await run(remove, resources)).toMatchObject({ zone: "unchanged", delegation: "unchanged" });
      // In the same minute, so that the first request's reference is used up.
      expect(await run(create, resources)).toMatchObject({ zone: "made", delegation: "made" });
      expect(await run(remove, resources)).toMatchObject({ zone: "removed", delegation: "removed" });
    });

    test("get back what was changed by hand", async () => {
      const { resources, records, delegated, name } = await stage();
      await run(create, resources);
      const call = await openRoute53(await worldOf(), actors.management);
      await call("changing it by hand", (client) =>
        client.changeResourceRecordSets({
          HostedZoneId: delegated.zoneId,
          ChangeBatch: {
            Changes: [
              {
                Action: "UPSERT",
                ResourceRecordSet: {
                  Name: name,
                  Type: "NS",
                  TTL: 60,
                  ResourceRecords: [{ Value: "ns.elsewhere.test." }],
                },
              },
            ],
          },
        }),
      );
      expect(await run(status, resources)).toMatchObject({ delegation: "degraded" });
      expect(await run(create, resources)).toMatchObject({ zone: "unchanged", delegation: "updated" });
      expect(await records()).toEqual(["NS 300"]);
      await run(remove, resources);
    });

    test("of others are refused, adopted, and emptied by nobody", async () => {
      const { resources, name } = await stage();
      const call = await openRoute53(await worldOf(), actors.clusters);
      const made = await call("making it by hand", (client) =>
        client.createHostedZone({ Name: name, CallerReference: `by hand ${name}` }),
      );
      const HostedZoneId = made.HostedZone?.Id;
      const record: ResourceRecordSet = {
        Name: `\\052.${name}`,
        Type: "A",
        TTL: 60,
        ResourceRecords: [{ Value: "192.0.2.1" }],
      };
      const change = async (Action: "CREATE" | "DELETE") =>
        await call("changing it by hand", (client) =>
          client.changeResourceRecordSets({
            HostedZoneId,
            ChangeBatch: { Changes: [{ Action, ResourceRecordSet: record }] },
          }),
        );
      await change("CREATE");
      expect(await run(create, resources)).toMatchObject({ zone: "ForeignResource", delegation: "blocked" });
      expect(await run(create, resources, { adopt: true })).toMatchObject({ zone: "adopted", delegation: "made" });
      expect(await run(remove, resources)).toMatchObject({ zone: "ZoneNotEmpty", delegation: "removed" });
      await change("DELETE");
      expect(await run(remove, resources)).toMatchObject({ zone: "removed", delegation: "unchanged" });
    });

    test("give way to none of the same name", async () => {
      const { resources, name } = await stage();
      const call = await openRoute53(await worldOf(), actors.clusters);
      const ids: (string | undefined)[] = [];
      for (const reference of ["one", "two"]) {
        const made = await call("making it by hand", (client) =>
          client.createHostedZone({ Name: name, CallerReference: `${reference} ${name}` }),
        );
        ids.push(made.HostedZone?.Id);
      }
      expect(await run(create, resources)).toMatchObject({ zone: "ZoneAmbiguous", delegation: "blocked" });
      for (const Id of ids) await call("deleting it by hand", (client) => client.deleteHostedZone({ Id }));
    });

    test("have GitHub's identity provider, which goes with the last role that trusts it", async () => {
      const provider = bound(
        oidcProvider({
          id: "provider",
          title: "aws-mgmt: OIDC provider of GitHub",
          row: { kind: "account", name: management.name, group: "aws" },
          account: management,
          needs: [],
          tags,
          roles: ["aws-mgmt-iam-role"],
        }),
      );
      expect(await run(create, [provider])).toEqual({ provider: "made" });
      expect(await run(create, [provider])).toEqual({ provider: "unchanged" });
      expect(await run(status, [provider])).toEqual({ provider: "healthy" });
      const iam = await (await worldOf()).aws.iam({ account: management, as: "administrator" });
      const { OpenIDConnectProviderList: [known] = [] } = await iam.listOpenIDConnectProviders({});
      expect(known?.Arn).toEndWith(":oidc-provider/token.actions.githubusercontent.com");
      const trust = {
        Effect: "Allow",
        Action: "sts:AssumeRoleWithWebIdentity",
        Principal: { Federated: known?.Arn },
        Condition: { StringEquals: { "token.actions.githubusercontent.com:sub": "repo:o/r:ref:refs/heads/main" } },
      };
      const document = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
      await iam.createRole({ RoleName: "deploy", AssumeRolePolicyDocument: document });
      expect(await run(remove, [provider])).toEqual({ provider: "kept" });
      await iam.deleteRole({ RoleName: "deploy" });
      expect(await run(remove, [provider])).toEqual({ provider: "removed" });
      expect(await run(remove, [provider])).toEqual({ provider: "unchanged" });
    });

    // Moto has AWS's own policies only when it is started in another way.
    test.skipIf(system === "moto")("have a user with one key, however often it is asked for", async () => {
      const world = await worldOf();
      const kept: AccessKey[] = [];
      const ensure = async () =>
        await ensureCliUser({
          aws: world.aws,
          signal: world.signal,
          account: management,
          tags,
          progress: () => undefined,
          store: { prepare: async () => undefined, keep: async (key) => void kept.push(key) },
        });
      // In the sandbox the user is there from the start, and has a key.
      const isThere = system === "the sandbox";
      const first = await ensure();
      expect([first.arn, first.done.length]).toEqual([
        `arn:aws:iam::${management.accountId}:user/aws-cli`,
        isThere ? 0 : 3,
      ]);
      expect(kept.map(({ id, secret }) => [id, secret.length])).toEqual(
        isThere ? [] : ([[...first.keyIds, 40]] as never),
      );
      expect(await ensure()).toEqual({ ...first, done: [] });
    });

    // Moto lets everybody in.
    test.skipIf(system === "moto")("are refused to a key that nobody knows", async () => {
      const stranger = new Route53({ ...settingsOf("aws-01"), credentials: keysOf("AKIAUNKNOWN000000000") });
      clients.push(stranger);
      const { world } = awsWorld({ route53: () => stranger, skipDnsCheck: true });
      const [, zone] = (await stage()).resources;
      const error = await failureOf(async () => await zone?.observe(world, createOutputs()));
      expect(error.code).toBe("AwsDenied");
    });
  });
}
