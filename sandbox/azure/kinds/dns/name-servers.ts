import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import { pickLeastUsed } from "#sandbox/cloud/name-servers.ts";
import { isWithin } from "#sandbox/dns/zone.ts";

/** The four servers of a zone have one number, as at Azure DNS. */
const topDomains = ["com", "net", "org", "info"] as const;
const numbers = Array.from({ length: 10 }, (_, index) => String(index + 1).padStart(2, "0"));

/** All name servers that there are. */
export const nameServerPool: readonly string[] = numbers.flatMap(serversOf);

function serversOf(number: string): readonly string[] {
  return topDomains.map((domain, index) => `ns${index + 1}-${number}.azure-dns.${domain}`);
}

/**
 * Four name servers for a new zone. It shares none with a zone of the same name, above or below it, in any subscription: a server
 * can only answer for one of two such zones, and a delegation between them would prove itself.
 *
 * @param others names and servers of all zones @throws ArmFault when each number has such a zone
 */
export function chooseNameServers(
  name: string,
  others: readonly { readonly name: string; readonly servers: readonly string[] }[],
): readonly string[] {
  const uses = (number: string, zones: typeof others): number => {
    const [first = ""] = serversOf(number);
    return zones.filter(({ servers }) => servers.includes(first)).length;
  };
  const relatives = others.filter((other) => isWithin(name, other.name) || isWithin(other.name, name));
  const free = numbers.filter((number) => uses(number, relatives) === 0);
  const chosen = pickLeastUsed(free, (number) => uses(number, others));
  if (chosen !== undefined) return serversOf(chosen);
  throw new ArmFault(400, "BadRequest", `The zone '${name}' is not available. Select a different zone name.`);
}
