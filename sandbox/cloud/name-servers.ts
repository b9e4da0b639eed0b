import type { RecordSet } from "#sandbox/dns/zone.ts";

/**
 * One of the servers, or sets of servers, that a new zone may have: one with the fewest zones, so that unrelated zones differ, too; random
 * among those, because clients must not rely on an order. Undefined when there is none.
 */
export function pickLeastUsed<Candidate>(
  free: readonly Candidate[],
  usesOf: (candidate: Candidate) => number,
): Candidate | undefined {
  const least = Math.min(...free.map(usesOf));
  const candidates = free.filter((candidate) => usesOf(candidate) === least);
  return candidates[Math.floor(Math.random() * candidates.length)];
}

/**
 * Record sets as name servers answer them, by the stored ones, which are replaced and not changed: every question at a name server asks for
 * all zones.
 *
 * @param parse undefined for what name servers do not answer from
 */
export function rememberSets<Stored extends object>(
  parse: (stored: Stored) => RecordSet | undefined,
): (stored: Stored) => readonly RecordSet[] {
  const parsed = new WeakMap<Stored, readonly RecordSet[]>();
  return (stored) => {
    const known = parsed.get(stored);
    if (known !== undefined) return known;
    const made = parse(stored);
    const sets = made === undefined ? [] : [made];
    parsed.set(stored, sets);
    return sets;
  };
}
