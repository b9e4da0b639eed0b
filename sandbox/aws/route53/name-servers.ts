import { AwsFault } from "#sandbox/aws/cloud.ts";
import { isWithin } from "#sandbox/aws/route53/names.ts";
import { pickLeastUsed } from "#sandbox/cloud/name-servers.ts";

/** A zone gets one server of each, as at Route 53; the numbers of each begin where the last one's end. */
const topDomains = ["com", "net", "org", "co.uk"] as const;
const numbersPerDomain = 512;
const serversPerDomain = 16;
/** The second number is the first one's, by eights: `ns-331.awsdns-41.com`. */
const serversPerSuffix = 8;

/** All name servers that there are. */
export const nameServerPool: readonly string[] = topDomains.flatMap((_, index) => serversOf(index));

function serversOf(index: number): readonly string[] {
  return Array.from({ length: serversPerDomain }, (_, at) => {
    const number = Math.floor(((at + 0.5) * numbersPerDomain) / serversPerDomain);
    const suffix = String(Math.floor(number / serversPerSuffix)).padStart(2, "0");
    return `ns-${index * numbersPerDomain + number}.awsdns-${suffix}.${topDomains[index]}`;
  });
}

/**
 * Four name servers for a new zone. It shares none with a zone of the same name, above or below it, in any account: a server can
 * only speak for one of two such zones, and a delegation between them would prove itself.
 *
 * @throws AwsFault DelegationSetNotAvailable
 */
export function chooseNameServers(
  name: string,
  others: readonly { readonly name: string; readonly nameServers: readonly string[] }[],
): readonly string[] {
  const relatives = others.filter((other) => isWithin(name, other.name) || isWithin(other.name, name));
  const taken = new Set(relatives.flatMap(({ nameServers }) => nameServers));
  const uses = Map.groupBy(
    others.flatMap(({ nameServers }) => nameServers),
    (server) => server,
  );
  return topDomains.map((_, index) => {
    const free = serversOf(index).filter((server) => !taken.has(server));
    const chosen = pickLeastUsed(free, (server) => uses.get(server)?.length ?? 0);
    if (chosen === undefined) {
      throw new AwsFault("DelegationSetNotAvailable", `No more name servers are available for the domain name ${name}`);
    }
    return chosen;
  });
}
