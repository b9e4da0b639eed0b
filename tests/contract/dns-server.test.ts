import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DnsServer, openDnsServer } from "#sandbox/dns/server.ts";
import type { Zone } from "#sandbox/dns/zone.ts";

/** A Python with dnspython, a resolver that nobody here wrote; `.ci/run` installs it. */
const python = Bun.env.DNSPYTHON ?? "";
if (python === "") process.stdout.write("the DNS server is not asked by another resolver: DNSPYTHON names no Python\n");

const zones: readonly Zone[] = [
  {
    name: "aws.mylabs.test",
    servers: ["ns1.hosts.test", "ns2.hosts.test"],
    records: [
      { name: "k8s.aws.mylabs.test", type: "NS", ttl: 300, values: ["ns.k8s.aws.mylabs.test"] },
      { name: "ns.k8s.aws.mylabs.test", type: "A", ttl: 300, values: ["127.0.0.9"] },
      { name: "a.deep.aws.mylabs.test", type: "A", ttl: 60, values: ["192.0.2.1", "192.0.2.2"] },
      { name: "*.web.aws.mylabs.test", type: "A", ttl: 60, values: ["192.0.2.3"] },
      { name: "www.aws.mylabs.test", type: "CNAME", ttl: 60, values: ["a.deep.aws.mylabs.test"] },
      {
        name: "long.aws.mylabs.test",
        type: "TXT",
        ttl: 60,
        values: Array.from({ length: 40 }, (_, at) => `${at} ${"x".repeat(50)}`),
      },
    ],
  },
];

/** Prints what it hears of each question: code, AA, TC, and the sections as their types and texts. */
const script = `
import dns.flags, dns.message, dns.query, dns.rcode, sys
port = int(sys.argv[1])
def section(rrsets):
    return sorted("%s %s %s" % (s.name, s.ttl, r.to_text()[:40]) for s in rrsets for r in s)
for line in sys.stdin:
    how, name, type = line.split()
    asked = dns.message.make_query(name, type, use_edns=0 if how == "edns" else -1)
    asked.flags &= ~dns.flags.RD
    ask = dns.query.tcp if how == "tcp" else dns.query.udp
    said = ask(asked, "127.0.0.1", port=port, timeout=3)
    flags = [f for f in ("AA", "TC") if said.flags & getattr(dns.flags, f)]
    print([dns.rcode.to_text(said.rcode()), flags, len(said.answer) and section(said.answer)[:3], section(said.authority), section(said.additional)])
`;

describe.skipIf(python === "")("the sandbox's DNS server, asked by another resolver", () => {
  let server: DnsServer;
  beforeAll(async () => {
    server = await openDnsServer(() => zones, "127.0.0.1");
  });
  afterAll(async () => await server.close());

  const soa = "aws.mylabs.test. 900 ns1.hosts.test. awsdns-hostmaster.aws.my";
  const ns = ["aws.mylabs.test. 172800 ns1.hosts.test.", "aws.mylabs.test. 172800 ns2.hosts.test."];
  const cases: readonly (readonly [string, string])[] = [
    ["udp aws.mylabs.test NS", `['NOERROR', ['AA'], ${list(ns)}, [], []]`],
    ["udp AWS.MyLabs.test SOA", `['NOERROR', ['AA'], ${list([soa])}, [], []]`],
    [
      "udp k01.k8s.aws.mylabs.test NS",
      `['NOERROR', [], 0, ${list(["k8s.aws.mylabs.test. 300 ns.k8s.aws.mylabs.test."])}, ${list(["ns.k8s.aws.mylabs.test. 300 127.0.0.9"])}]`,
    ],
    ["edns deep.aws.mylabs.test A", `['NOERROR', ['AA'], 0, ${list([soa])}, []]`],
    ["udp a.deep.aws.mylabs.test AAAA", `['NOERROR', ['AA'], 0, ${list([soa])}, []]`],
    [
      "udp x.y.web.aws.mylabs.test A",
      `['NOERROR', ['AA'], ${list(["x.y.web.aws.mylabs.test. 60 192.0.2.3"])}, [], []]`,
    ],
    [
      "udp www.aws.mylabs.test A",
      `['NOERROR', ['AA'], ${list(["www.aws.mylabs.test. 60 a.deep.aws.mylabs.test."])}, [], []]`,
    ],
    ["udp none.aws.mylabs.test A", `['NXDOMAIN', ['AA'], 0, ${list([soa])}, []]`],
    ["udp elsewhere.test A", "['REFUSED', [], 0, [], []]"],
    ["udp long.aws.mylabs.test TXT", "['NOERROR', ['AA', 'TC'], 0, [], []]"],
  ];

  test("says what an authoritative server says, over UDP and TCP", async () => {
    const answers = await ask(cases.map(([question]) => question));
    expect(cases.map(([question], index) => [question, answers[index]])).toEqual(cases.map((one) => [...one]));
    const [whole] = await ask(["tcp long.aws.mylabs.test TXT"]);
    expect(whole).toStartWith("['NOERROR', ['AA'], ['long.aws.mylabs.test. 60");
  });

  async function ask(questions: readonly string[]): Promise<readonly string[]> {
    const child = Bun.spawn([python, "-c", script, String(server.port)], {
      stdin: Buffer.from(`${questions.join("\n")}\n`),
      stdout: "pipe",
      stderr: "inherit",
    });
    return (await new Response(child.stdout).text()).trim().split("\n");
  }
});

/** As Python prints a list of texts. */
function list(items: readonly string[]): string {
  return `[${items.map((item) => `'${item}'`).join(", ")}]`;
}
