import { pickLeastUsed } from "#sandbox/cloud/name-servers.ts";
import { fault } from "#sandbox/gcp/api/faults.ts";

/** The four servers of a zone have one letter, as at Cloud DNS. */
const letters = ["a", "b", "c", "d", "e"] as const;
const numbers = [1, 2, 3, 4] as const;

/** All name servers that there are. */
export const nameServerPool: readonly string[] = letters.flatMap(serversOf);

function serversOf(letter: string): readonly string[] {
  return numbers.map((number) => `ns-cloud-${letter}${number}.googledomains.com`);
}

/**
 * Four name servers for a new zone, which it shares with no zone of the same name in any project. As at Google, it may share them with
 * the zone above it: such servers answer for both, whether or not the zone above delegates.
 *
 * @param others names and servers of all zones @throws GcpFault for the sixth zone of one name
 */
export function chooseNameServers(
  name: string,
  others: readonly { readonly name: string; readonly servers: readonly string[] }[],
): readonly string[] {
  const taken = new Set(others.flatMap((other) => (other.name === name ? other.servers : [])));
  const free = letters.filter((letter) => !serversOf(letter).some((server) => taken.has(server)));
  // Whatever other zones have: parents and children of one letter are wanted.
  const chosen = pickLeastUsed(free, () => 0);
  if (chosen !== undefined) return serversOf(chosen);
  throw fault("FAILED_PRECONDITION", `The managed zone with the DNS name '${name}.' is not available to be created.`, {
    reason: "managedZoneDnsNameNotAvailable",
  });
}
