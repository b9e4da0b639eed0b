import type { Tags } from "#lib/cloud/ownership.ts";

/** As most APIs of AWS have tags. */
export type TagList = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[];

export function parseTags(list: TagList | undefined): Tags {
  return Object.fromEntries((list ?? []).flatMap(({ Key, Value = "" }) => (Key === undefined ? [] : [[Key, Value]])));
}

export function formatTags(tags: Tags): { readonly Key: string; readonly Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}
