import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { NameServer } from "#lib/dns/query.ts";
import { lookAtDelegation, type WantedDelegation, waitForDelegation } from "#lib/dns/wait.ts";
import { type DnsServer, openDnsServer } from "#sandbox/dns/server.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import { failureOf } from "#tests/support/failure.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

const query = { timeoutMs: 200, tries: 1 };
const wanted: WantedDelegation = {
  parent: { name: "k8s.test", nameServers: ["a.parent.test", "b.parent.test"] },
  child: "k01.k8s.test",
  nameServers: ["a.child.test", "b.child.test"],
  ttlSeconds: 300,
};

let servers: Map<string, DnsServer>;
let zones: Map<string, readonly Zone[]>;
/** What a name has beside the address of its server, and before it. */
let more: Map<string, readonly NameServer[]>;

const delegated = (...values: readonly string[]): Zone => ({
  name: "k8s.test",
  servers: wanted.parent.nameServers,
  records: [{ name: wanted.child, type: "NS", ttl: 300, values }],
});
const child: Zone = { name: wanted.child, servers: wanted.nameServers, records: [] };

beforeEach(async () => {
  [servers, zones, more] = [new Map(), new Map(), new Map()];
  for (const name of wanted.parent.nameServers) zones.set(name, [delegated(...wanted.nameServers)]);
  for (const name of wanted.nameServers) zones.set(name, [child]);
  for (const name of zones.keys()) servers.set(name, await openDnsServer(() => zones.get(name) ?? [], "127.0.0.1"));
});
afterEach(async () => {
  await Promise.all([...servers.values()].map((server) => server.close()));
});

const directory = {
  async addressesOf(name: string): Promise<readonly NameServer[]> {
    const server = servers.get(name);
    const own = server === undefined ? [] : [{ name, address: server.address, port: server.port }];
    return [...(more.get(name) ?? []), ...own];
  },
};

function wait(onProgress: (message: string) => void = () => undefined, signal = new AbortController().signal) {
  const clock = virtualClock();
  const said: string[] = [];
  const progress = (message: string): void => {
    said.push(message);
    onProgress(message);
  };
  return { clock, said, ended: waitForDelegation(directory, wanted, { clock, signal, progress, query }) };
}

describe("waiting for a delegation", () => {
  test("is over at once when both sides tell it", async () => {
    const { clock, said, ended } = wait();
    expect((await ended).state).toBe("ok");
    expect([clock.now(), said]).toEqual([0, []]);
  });

  test("says what each server says, and ends as soon as the last has it", async () => {
    zones.set("b.parent.test", [{ ...delegated(), records: [] }]);
    const { clock, said, ended } = wait(() => {
      if (clock.now() >= 3_000) zones.set("b.parent.test", [delegated(...wanted.nameServers)]);
    });
    expect((await ended).state).toBe("ok");
    expect(said[0]).toBe(
      "waiting for the name servers: not at every server yet: b.parent.test says that there is no delegation · 0 s",
    );
    expect(clock.now()).toBeLessThan(8_000);
  });

  test.each([
    ["missing", () => [], "k01.k8s.test: not delegated in k8s.test yet, after 60 s"],
    [
      "to other servers",
      () => ["a.child.test", "old.test"],
      "k01.k8s.test: k8s.test leads to other servers: a.child.test, old.test, after 60 s",
    ],
  ] as const)("fails after a minute when it is %s, with the records to have", async (_what, values, message) => {
    for (const name of wanted.parent.nameServers) {
      const zone = delegated(...values());
      zones.set(name, [values().length === 0 ? { ...zone, records: [] } : zone]);
    }
    const { clock, ended } = wait();
    const error = await failureOf(ended);
    expect([error.code, error.message, clock.now()]).toEqual(["DelegationUnproved", message, 60_000]);
    expect(error.details).toEqual([
      "records that k8s.test must tell:",
      "k01.k8s.test. 300 IN NS a.child.test.",
      "k01.k8s.test. 300 IN NS b.child.test.",
    ]);
  });

  test("fails when no child server speaks for the zone", async () => {
    for (const name of wanted.nameServers) zones.set(name, []);
    const error = await failureOf(wait().ended);
    expect(error.message).toStartWith(
      "k01.k8s.test: none of its servers speaks for it: a.child.test answers REFUSED, b.child.test answers REFUSED",
    );
  });

  test("ends with the run", async () => {
    zones.set("b.child.test", []);
    const controller = new AbortController();
    const { ended } = wait(() => controller.abort(new Error("interrupted")), controller.signal);
    await expect(ended).rejects.toThrow("interrupted");
  });
});

test("one server with several addresses is asked at the first that answers", async () => {
  // An address of IPv6 on a computer without IPv6, say.
  for (const name of ["a.parent.test", "a.child.test"]) more.set(name, [{ name, address: "127.0.0.1", port: 9 }]);
  const edge = await lookAtDelegation(directory, wanted, query);
  expect([edge.state, edge.details]).toEqual(["ok", []]);
});

test("servers that have no address are named", async () => {
  const nowhere = { ...wanted, parent: { name: "k8s.test", nameServers: ["x.test", "y.test"] } };
  const edge = await lookAtDelegation(directory, nowhere, query);
  expect([edge.state, edge.details]).toEqual(["unreachable", ["x.test has no address", "y.test has no address"]]);
});
