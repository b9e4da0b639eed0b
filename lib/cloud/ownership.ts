/** Tags or labels by key: they determine the owner of a cloud resource. */
export type Tags = Readonly<Record<string, string>>;

/** The tags that identify this project and fleet; other tags are informational. */
const marks = ["project", "fleet"] as const;

/** @param ours tags that this fleet's things have */
export function isOfFleet(tags: Tags, ours: Tags): boolean {
  return marks.every((mark) => ours[mark] !== undefined && tags[mark] === ours[mark]);
}

/** Whose something is that isn't this fleet's, for a sentence: `of the fleet example.org`. */
export function describeOwner(tags: Tags): string {
  const [project, fleet] = marks.map((mark) => tags[mark]);
  return project !== undefined && fleet !== undefined ? `of the fleet ${fleet}` : "without the tags of a fleet";
}

/** Those of our tags that are missing or have another value. */
export function missingTags(tags: Tags, ours: Tags): Tags {
  return Object.fromEntries(Object.entries(ours).filter(([key, value]) => tags[key] !== value));
}
