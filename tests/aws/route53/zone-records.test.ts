import { describe, expect, test } from "bun:test";
import type { ResourceRecordSet, RRType } from "@aws-sdk/client-route-53";
import { formatRecord, sortRecords } from "#lib/aws/route53/zone-records.ts";

const zone = "k01.k8s.aws.mylabs.test";
const set = (Type: RRType, label: string, ...values: readonly string[]): ResourceRecordSet => ({
  Name: label === "@" ? `${zone}.` : `${label}.${zone}.`,
  Type,
  TTL: 300,
  ResourceRecords: values.map((Value) => ({ Value })),
});
const claim = (owner = zone) => `"heritage=external-dns,external-dns/owner=${owner},external-dns/resource=ingress/a/b"`;
const sort = (...records: readonly ResourceRecordSet[]) => {
  const { ours, others } = sortRecords(records, zone);
  return { ours: ours.map(formatRecord), others: others.map(formatRecord) };
};

describe("records of a cluster's zone", () => {
  test("of the zone's own name are Route 53's, if they are SOA or NS", () => {
    const apex = [set("SOA", "@", "ns."), set("NS", "@", "ns.")];
    expect(sort(...apex)).toEqual({ ours: [], others: [] });
    expect(sort(set("NS", "below", "ns."), set("A", "@", "10.0.0.1"))).toEqual({
      ours: [],
      others: [`NS below.${zone}`, `A ${zone}`],
    });
  });

  test.each<[string, string, RRType]>([
    ["a-www", "www", "A"],
    ["aaaa-www", "www", "AAAA"],
    ["cname-www", "www", "CNAME"],
    ["cname-www", "www", "A"],
    ["txt-www", "www", "TXT"],
    ["a-\\052", "*", "A"],
    ["a-a-www", "a-www", "A"],
    // Before version 0.12 of external-dns the mark had the name itself.
    ["www", "www", "A"],
    ["@", "@", "A"],
  ])("are ours where the mark %s says so of %s %s", (mark, label, type) => {
    const encoded = label === "*" ? "\\052" : label;
    expect(sort(set("TXT", mark, claim()), set(type, encoded, "x")).others).toEqual([]);
  });

  test.each<[string, string, RRType]>([
    ["a-www", "www", "AAAA"],
    ["aaaa-www", "www", "A"],
    ["a-www", "w", "A"],
    ["soa-www", "www", "A"],
    ["www", "a-www", "A"],
  ])("are others' where the mark %s says nothing of %s %s", (mark, label, type) => {
    expect(sort(set("TXT", mark, claim()), set(type, label, "x")).others).toEqual([`${type} ${label}.${zone}`]);
  });

  test("are others' where a mark of the old form only looks like one for them", () => {
    const old = [set("TXT", "a-www", claim()), set("A", "a-www", "10.0.0.1")];
    expect(sort(...old, set("A", "www", "10.0.0.2"))).toEqual({
      ours: [`TXT a-www.${zone}`, `A a-www.${zone}`],
      others: [`A www.${zone}`],
    });
  });

  test("are others' where the mark is of another owner, or only begins like ours", () => {
    for (const owner of ["k02.k8s.aws.mylabs.test", `${zone}.org`]) {
      expect(sort(set("TXT", "a-www", claim(owner)), set("A", "www", "x")).ours).toEqual([]);
    }
  });

  test("that cert-manager left over are ours, whatever is in them", () => {
    expect(sort(set("TXT", "_acme-challenge.www", '"x"'), set("CNAME", "_acme-challenge.www", "y")).others).toEqual([
      `CNAME _acme-challenge.www.${zone}`,
    ]);
  });
});
