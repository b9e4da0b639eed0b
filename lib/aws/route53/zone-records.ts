import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import { decodeName } from "#lib/aws/route53/route53.ts";
import { type SortedRecords, sortZoneRecords } from "#lib/cloud/zone-records.ts";

/** Classifies all record sets of a zone except the apex SOA and NS, which are Route 53's. Pure. */
export function sortRecords(sets: readonly ResourceRecordSet[], zone: string): SortedRecords<ResourceRecordSet> {
  const records = sets.map((set) => ({
    set,
    name: decodeName(set.Name),
    type: set.Type ?? "",
    values: (set.ResourceRecords ?? []).map(({ Value = "" }) => Value),
  }));
  const { ours, others } = sortZoneRecords(records, zone);
  return { ours: ours.map(({ set }) => set), others: others.map(({ set }) => set) };
}

/** `A www.k01.k8s.aws.mylabs.dev`, as errors name them. */
export function formatRecord({ Name, Type, SetIdentifier }: ResourceRecordSet): string {
  return `${Type ?? ""} ${decodeName(Name)}${SetIdentifier === undefined ? "" : ` (${SetIdentifier})`}`;
}
