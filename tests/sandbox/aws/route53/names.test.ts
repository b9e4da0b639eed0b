import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chooseNameServers, nameServerPool } from "#sandbox/aws/route53/name-servers.ts";
import { compareNames, parseName } from "#sandbox/aws/route53/names.ts";
import { plainName } from "#sandbox/dns/presentation.ts";

describe("a name", () => {
  test.each([
    ["Aws.MyLabs.dev", "aws.mylabs.dev."],
    ["aws.mylabs.dev.", "aws.mylabs.dev."],
    ["*.web.mylabs.dev", "\\052.web.mylabs.dev."],
    ["\\052.web.mylabs.dev", "\\052.web.mylabs.dev."],
    ["_dmarc.my-labs.dev", "_dmarc.my-labs.dev."],
    ["a\\040b.mylabs.dev", undefined],
    ["me@mylabs.dev", "me\\100mylabs.dev."],
    ["\\101.mylabs.dev", "a.mylabs.dev."],
    ["\\344.mylabs.dev", "\\344.mylabs.dev."],
  ])("%s is kept as %p", (text, kept) => {
    const parsed = parseName(text);
    expect(parsed.kind === "name" ? parsed.name : undefined).toBe(kept);
  });

  test.each([
    ["a..mylabs.dev", "DomainLabelEmpty (Domain label is empty)", "a..mylabs.dev"],
    ["", "DomainLabelEmpty (Domain label is empty)", ""],
    [`${"a".repeat(64)}.mylabs.dev`, "DomainLabelTooLong (Domain label is too long)", "a".repeat(64)],
    ["mylabs.dev/x y", "UnsupportedCharacter (Value contains unsupported characters)", "mylabs.dev/x y"],
    ["büro.mylabs.dev", "UnsupportedCharacter (Value contains unsupported characters)", "büro.mylabs.dev"],
  ])("%p is none", (text, why, at) => {
    expect(parseName(text)).toEqual({ kind: "invalid", problem: `FATAL problem: ${why} encountered with '${at}'` });
  });

  test("of 253 characters is the longest", () => {
    const labels = [63, 63, 63].map((length) => "a".repeat(length)).join(".");
    expect(parseName(`${"b".repeat(61)}.${labels}`).kind).toBe("name");
    expect(parseName(`${"b".repeat(62)}.${labels}`)).toMatchObject({
      problem: expect.stringContaining("DomainNameTooLong"),
    });
  });

  test("goes to DNS as its characters", () => {
    expect(plainName("\\052.web.mylabs.dev.")).toBe("*.web.mylabs.dev");
  });
});

test("names are in the order of their labels from the right, in ASCII", () => {
  const names = [
    "a.mylabs.dev.",
    "b-c.mylabs.dev.",
    "mylabs.dev.",
    "x.b.mylabs.dev.",
    "\\052.mylabs.dev.",
    "b.mylabs.dev.",
  ];
  // A hyphen is less than a dot: `dev.mylabs.b-c.` comes before `dev.mylabs.b.`
  expect(names.sort(compareNames)).toEqual([
    "mylabs.dev.",
    "\\052.mylabs.dev.",
    "a.mylabs.dev.",
    "b-c.mylabs.dev.",
    "b.mylabs.dev.",
    "x.b.mylabs.dev.",
  ]);
});

describe("name servers", () => {
  const isRelated = (a: string, b: string): boolean => a === b || a.endsWith(`.${b}`) || b.endsWith(`.${a}`);

  test("are numbered as Route 53 numbers them", () => {
    expect(new Set(nameServerPool).size).toBeGreaterThanOrEqual(32);
    for (const server of nameServerPool) {
      const [, number = "", suffix, domain = ""] = /^ns-(\d+)\.awsdns-(\d\d)\.(com|net|org|co\.uk)$/.exec(server) ?? [];
      const first = ["com", "net", "org", "co.uk"].indexOf(domain) * 512;
      expect(`${server} ${Math.floor((Number(number) - first) / 8)}`).toBe(`${server} ${Number(suffix)}`);
    }
  });

  test("are four of each zone, and none of a zone above, below or of the same name", () => {
    const name = fc.array(fc.constantFrom("a", "b"), { maxLength: 3 }).map((labels) => [...labels, "c.dev."].join("."));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 14 }), (names) => {
        const zones: { name: string; nameServers: readonly string[] }[] = [];
        for (const each of names) {
          const nameServers = chooseNameServers(each, zones);
          expect(nameServers.map((server) => server.replace(/^.*awsdns-\d+\./, ""))).toEqual([
            "com",
            "net",
            "org",
            "co.uk",
          ]);
          const shared = zones.filter(
            (zone) => isRelated(zone.name, each) && zone.nameServers.some((server) => nameServers.includes(server)),
          );
          expect(shared).toEqual([]);
          zones.push({ name: each, nameServers });
        }
      }),
      { numRuns: 50 },
    );
  });

  test("differ between zones side by side while there are enough", () => {
    const zones: { name: string; nameServers: readonly string[] }[] = [];
    for (let index = 0; index < 12; index++) {
      const name = `k${index}.k8s.dev.`;
      zones.push({ name, nameServers: chooseNameServers(name, zones) });
    }
    expect(new Set(zones.flatMap(({ nameServers }) => nameServers)).size).toBe(48);
  });

  test("run out for too many zones of one name", async () => {
    const zones: { name: string; nameServers: readonly string[] }[] = [];
    const add = (): void => {
      zones.push({ name: "a.dev.", nameServers: chooseNameServers("a.dev.", zones) });
    };
    for (let index = 0; index < 16; index++) add();
    expect(add).toThrow(expect.objectContaining({ code: "DelegationSetNotAvailable" }));
  });
});
