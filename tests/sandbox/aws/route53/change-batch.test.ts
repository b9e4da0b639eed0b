import { describe, expect, test } from "bun:test";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { applyChanges } from "#sandbox/aws/route53/change-batch.ts";
import type { RecordChange } from "#sandbox/aws/route53/change-shape.ts";
import type { RecordSet } from "#sandbox/aws/route53/model.ts";

const zone = "mylabs.dev.";
const soa = "ns-1.awsdns-00.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400";
const start: readonly RecordSet[] = [
  { name: zone, type: "NS", ttl: 172_800, values: ["ns-1.awsdns-00.com.", "ns-512.awsdns-00.net."] },
  { name: zone, type: "SOA", ttl: 900, values: [soa] },
  { name: "k8s.mylabs.dev.", type: "NS", ttl: 300, values: ["ns-2.awsdns-00.com.", "ns-513.awsdns-00.net."] },
  { name: "www.mylabs.dev.", type: "CNAME", ttl: 60, values: ["web.mylabs.dev"] },
];

const change = (action: string, name: string, type: string, values: readonly string[], ttl = 300): RecordChange => ({
  action,
  name,
  type,
  ttl,
  values,
});
const create = (name: string, type: string, ...values: readonly string[]) => change("CREATE", name, type, values);

function refusal(...changes: readonly RecordChange[]): { code: string; message: string } {
  try {
    applyChanges(zone, start, changes);
  } catch (error) {
    if (error instanceof AwsFault) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "", message: "accepted" };
}

const textOf = (sets: readonly RecordSet[]): readonly string[] =>
  sets.map(({ name, type, ttl, values }) => `${name} ${ttl} ${type} ${values.join(" | ")}`);

describe("a batch", () => {
  test("makes, replaces and removes records, in Route 53's order", () => {
    const changed = applyChanges(zone, start, [
      create("B.mylabs.dev", "A", "192.0.2.1", "192.0.2.2"),
      create("*.mylabs.dev", "TXT", '"any" "thing"'),
      change("UPSERT", "k8s.mylabs.dev", "NS", ["ns-3.awsdns-00.com"], 86_400),
      change("UPSERT", "new.mylabs.dev", "AAAA", ["2001:db8::1"], 0),
      change("DELETE", "WWW.mylabs.dev", "CNAME", ["web.mylabs.dev."], 60),
    ]);
    expect(textOf(changed)).toEqual([
      "mylabs.dev. 172800 NS ns-1.awsdns-00.com. | ns-512.awsdns-00.net.",
      `mylabs.dev. 900 SOA ${soa}`,
      '\\052.mylabs.dev. 300 TXT "any" "thing"',
      "b.mylabs.dev. 300 A 192.0.2.1 | 192.0.2.2",
      "k8s.mylabs.dev. 86400 NS ns-3.awsdns-00.com",
      "new.mylabs.dev. 0 AAAA 2001:db8::1",
    ]);
  });

  test("may replace a record by another type under its name when it removes it first", () => {
    const remove = change("DELETE", "www.mylabs.dev", "CNAME", ["web.mylabs.dev"], 60);
    const make = create("www.mylabs.dev", "A", "192.0.2.1");
    expect(textOf(applyChanges(zone, start, [remove, make]))).toContain("www.mylabs.dev. 300 A 192.0.2.1");
    expect(refusal(make, remove).code).toBe("InvalidChangeBatch");
  });

  test("is made whole or not at all, and says all that is wrong with it", () => {
    const before = structuredClone(start);
    const refused = refusal(
      create("ok.mylabs.dev", "A", "192.0.2.1"),
      create("k8s.mylabs.dev", "NS", "ns-9.awsdns-01.com"),
      change("DELETE", "gone.mylabs.dev", "A", ["192.0.2.1"]),
    );
    expect(refused).toEqual({
      code: "InvalidChangeBatch",
      message:
        "[Tried to create resource record set [name='k8s.mylabs.dev.', type='NS'] but it already exists, Tried to delete resource record set [name='gone.mylabs.dev.', type='A'] but it was not found]",
    });
    expect(start).toEqual(before);
  });

  const mismatch =
    "Tried to delete resource record set [name='k8s.mylabs.dev.', type='NS'] but the values provided do not match the current values";
  const both = ["ns-2.awsdns-00.com", "ns-513.awsdns-00.net"];
  const oneSoa = "A HostedZone must contain exactly one SOA record.";
  const oneNs = "A HostedZone must contain at least one NS record for the zone itself.";
  test.each<readonly [string, readonly RecordChange[], string]>([
    [
      "a name outside of the zone",
      [create("k8s.mylabs.org", "A", "192.0.2.1")],
      "RRSet with DNS name k8s.mylabs.org. is not permitted in zone mylabs.dev.",
    ],
    [
      "a name that only ends like the zone",
      [create("notmylabs.dev", "A", "192.0.2.1")],
      "RRSet with DNS name notmylabs.dev. is not permitted in zone mylabs.dev.",
    ],
    ["a removal with another TTL", [change("DELETE", "k8s.mylabs.dev", "NS", both, 301)], mismatch],
    ["a removal with fewer values", [change("DELETE", "k8s.mylabs.dev", "NS", both.slice(1))], mismatch],
    [
      "one set twice",
      [create("a.mylabs.dev", "A", "192.0.2.1"), change("UPSERT", "A.mylabs.dev.", "A", ["192.0.2.2"])],
      "The request contains an invalid set of changes for a resource record set 'A a.mylabs.dev.'",
    ],
    [
      "the removal of one set twice",
      [change("DELETE", "k8s.mylabs.dev", "NS", both), change("DELETE", "k8s.mylabs.dev", "NS", both)],
      "The request contains an invalid set of changes for a resource record set 'NS k8s.mylabs.dev.'",
    ],
    [
      "a CNAME at the apex",
      [create("mylabs.dev", "CNAME", "other.dev")],
      "RRSet of type CNAME with DNS name mylabs.dev. is not permitted at apex in zone mylabs.dev.",
    ],
    [
      "a CNAME beside other records",
      [create("k8s.mylabs.dev", "CNAME", "other.dev")],
      "RRSet of type CNAME with DNS name k8s.mylabs.dev. is not permitted as it conflicts with other records with the same DNS name in zone mylabs.dev.",
    ],
    [
      "another record beside a CNAME",
      [create("www.mylabs.dev", "A", "192.0.2.1")],
      "RRSet of type A with DNS name www.mylabs.dev. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone mylabs.dev.",
    ],
    ["the removal of the SOA", [change("DELETE", "mylabs.dev", "SOA", [soa], 900)], oneSoa],
    ["a second SOA", [create("k8s.mylabs.dev", "SOA", soa)], oneSoa],
    [
      "the removal of the zone's own NS",
      [change("DELETE", "mylabs.dev", "NS", ["ns-512.awsdns-00.net", "ns-1.awsdns-00.com"], 172_800)],
      oneNs,
    ],
    [
      "a value twice",
      [create("a.mylabs.dev", "NS", "ns-2.awsdns-00.com", "NS-2.awsdns-00.com.")],
      "Duplicate Resource Record: 'NS-2.awsdns-00.com.'",
    ],
    [
      "more than 400 values",
      [create("a.mylabs.dev", "A", ...Array.from({ length: 401 }, (_, at) => `10.0.${at >> 8}.${at & 255}`))],
      "Cannot have more than 400 records in a RRSet.",
    ],
  ])("refuses %s", (_what, changes, why) => {
    expect(refusal(...changes)).toEqual({ code: "InvalidChangeBatch", message: `[${why}]` });
  });

  test("lets the zone's own NS and SOA be changed", () => {
    const changed = applyChanges(zone, start, [
      change("UPSERT", "mylabs.dev", "NS", ["ns-1.awsdns-00.com"], 60),
      change("UPSERT", "mylabs.dev", "SOA", [soa.replace("86400", "60")], 60),
    ]);
    expect(textOf(changed).slice(0, 2)).toEqual([
      "mylabs.dev. 60 NS ns-1.awsdns-00.com",
      `mylabs.dev. 60 SOA ${soa.replace("86400", "60")}`,
    ]);
  });

  test("has at most 1,000 values, of which those of an UPSERT count twice", () => {
    const values = (count: number) => Array.from({ length: count }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    const many = (action: string, sets: number) =>
      Array.from({ length: sets }, (_, at) => change(action, `a${at}.mylabs.dev`, "A", values(100)));
    expect(refusal(...many("CREATE", 10)).message).toBe("accepted");
    expect(refusal(...many("CREATE", 11)).message).toBe("[Number of records limit of 1000 exceeded.]");
    expect(refusal(...many("UPSERT", 5)).message).toBe("accepted");
    expect(refusal(...many("UPSERT", 6)).message).toBe("[Number of records limit of 1000 exceeded.]");
  });

  test.each<readonly [string, RecordChange, RegExp]>([
    ["an unknown action", change("REMOVE", "a.mylabs.dev", "A", ["192.0.2.1"]), /Value 'REMOVE' is not facet-valid/],
    ["an unknown type", create("a.mylabs.dev", "a", "192.0.2.1"), /Value 'a' is not facet-valid/],
    [
      "no TTL",
      { ...create("a.mylabs.dev", "A", "192.0.2.1"), ttl: undefined },
      /^Invalid request: Expected exactly one of \[AliasTarget, all of \[TTL, and ResourceRecords\], or TrafficPolicyInstanceId\], but found none in Change with \[Action=CREATE, Name=a\.mylabs\.dev, Type=A, SetIdentifier=null\]$/,
    ],
    ["no values", create("a.mylabs.dev", "A"), /but found none in Change with/],
    ["a TTL below 0", change("CREATE", "a.mylabs.dev", "A", ["192.0.2.1"], -1), /minInclusive '0'/],
    ["a TTL of more than 31 bits", change("CREATE", "a.mylabs.dev", "A", ["192.0.2.1"], 2 ** 31), /maxInclusive/],
    ["a value of more than 4,000 characters", create("a.mylabs.dev", "TXT", `"${"a".repeat(4_000)}"`), /maxLength/],
  ])("refuses %s as an invalid input", (_what, wrong, why) => {
    expect(refusal(wrong)).toEqual({ code: "InvalidInput", message: expect.stringMatching(why) });
  });

  test("of nothing, or of types that are not kept here, is refused", () => {
    expect(refusal().code).toBe("InvalidInput");
    expect(refusal(create("a.mylabs.dev", "DS", "1 2 3 aa")).code).toBe("NotImplemented");
  });
});

describe("values", () => {
  test.each<readonly [string, string]>([
    ["A", "192.0.2.255"],
    ["AAAA", "2001:db8:0:0::1"],
    ["CNAME", "web.mylabs.dev."],
    ["NS", "ns-1.awsdns-00.com"],
    ["MX", "10 mail.mylabs.dev"],
    ["SRV", "1 2 443 web.mylabs.dev"],
    ["SRV", "0 0 0 ."],
    ["CAA", '0 issue "ca.example.org"'],
    ["CAA", '128 issuewild ";"'],
    ["TXT", '"v=spf1 -all"'],
    ["TXT", `"${"a".repeat(255)}" "b"`],
    ["TXT", '"say \\"yes\\" \\344"'],
  ])("of %s may be %s", (type, value) => {
    expect(refusal(create("a.mylabs.dev", type, value)).message).toBe("accepted");
  });

  test.each<readonly [string, string, string]>([
    ["A", "192.0.2.256", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"],
    ["A", "web.mylabs.dev", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"],
    ["AAAA", "2001:db8::g", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"],
    ["NS", "ns..com", "DomainLabelEmpty (Domain label is empty)"],
    ["CNAME", "a b.dev", "UnsupportedCharacter (Value contains unsupported characters)"],
    ["MX", "mail.mylabs.dev", "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"],
    ["MX", "65536 mail.mylabs.dev", "MXRRDATAIllegalPriority (MX priority is not a valid number)"],
    ["SRV", "1 2 web.mylabs.dev", "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)"],
    ["SRV", "1 2 70000 a.dev", "SRVRRDATAIllegalNumber (SRV priority, weight or port is not a valid number)"],
    ["CAA", "0 issue ca.example.org", "CAARRDATANotThreeFields (CAA record doesn't have 3 fields)"],
    ["CAA", '256 issue "ca.example.org"', "CAARRDATAIllegalFlags (CAA flags is not a number from 0 to 255)"],
    ["TXT", "text", "InvalidCharacterString (Value should be enclosed in quotation marks)"],
    ["TXT", '"one" two', "InvalidCharacterString (Value should be enclosed in quotation marks)"],
    ["TXT", `"${"a".repeat(256)}"`, "CharacterStringTooLong (Value is too long)"],
  ])("of %s may not be %s", (type, value, why) => {
    expect(refusal(create("a.mylabs.dev", type, value))).toEqual({
      code: "InvalidChangeBatch",
      message: `[Invalid Resource Record: 'FATAL problem: ${why} encountered with '${value}'']`,
    });
  });

  test("of a CNAME are one", () => {
    expect(refusal(create("a.mylabs.dev", "CNAME", "b.dev", "c.dev")).code).toBe("InvalidChangeBatch");
  });
});
