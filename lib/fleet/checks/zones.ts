import type { Fault } from "#lib/fleet/fault.ts";
import { isBelow } from "#lib/fleet/names.ts";
import type { CloudProvider, CloudZones, Fleet } from "#lib/fleet/types.ts";
import { isCloud } from "#lib/fleet/types.ts";

export function checkZones(fleet: Fleet): readonly Fault[] {
  return [
    ...checkPresent(fleet),
    ...checkUnique(fleet.zones),
    ...fleet.zones.flatMap((zones) => checkTree(zones, fleet.domain)),
  ];
}

function checkPresent(fleet: Fleet): readonly Fault[] {
  const used = new Set(fleet.clusters.filter(isCloud).map(({ provider }) => provider));
  return [...used]
    .filter((provider) => !fleet.zones.some((zones) => zones.provider === provider))
    .map((provider) => ({
      code: "NoZones",
      where: `zones of ${provider}`,
      message: `no zones for ${provider}, which has clusters`,
      hint: `add { provider: "${provider}", primary: "…", clusters: "…" } to the fleet's zones`,
      provider,
    }));
}

function checkUnique(pairs: readonly CloudZones[]): readonly Fault[] {
  const providers = new Set<CloudProvider>();
  const owners = new Map<string, CloudProvider>();
  return pairs.flatMap((zones): readonly Fault[] => {
    const where = `zones of ${zones.provider}`;
    const { provider } = zones;
    if (providers.has(provider)) {
      return [
        {
          code: "SeveralZonePairs",
          where,
          message: `a second pair of zones for ${provider}: ${zones.primary} and ${zones.clusters}`,
          hint: "keep one pair per cloud",
          provider,
        },
      ];
    }
    providers.add(provider);
    return [zones.primary, zones.clusters].flatMap((name): readonly Fault[] => {
      const owner = owners.get(name);
      owners.set(name, owner ?? provider);
      if (owner === undefined || owner === provider) return [];
      return [
        {
          code: "DuplicateZone",
          where,
          message: `zone "${name}" is one of ${owner} already`,
          hint: "a zone is held by one cloud: give each its own below the domain",
          provider,
        },
      ];
    });
  });
}

function checkTree(zones: CloudZones, domain: string): readonly Fault[] {
  const where = `zones of ${zones.provider}`;
  const { provider } = zones;
  if (!isBelow(zones.primary, domain)) {
    return [
      {
        code: "ZoneOutsideDomain",
        where,
        message: `primary zone "${zones.primary}" isn't below the domain ${domain}`,
        hint: `name it like "${provider}.${domain}", or change the fleet's domain`,
        provider,
      },
    ];
  }
  if (!isBelow(zones.clusters, zones.primary)) {
    return [
      {
        code: "ClusterZoneOutsidePrimary",
        where,
        message: `cluster zone "${zones.clusters}" isn't below the primary zone ${zones.primary}`,
        hint: `name it "k8s.${zones.primary}"`,
        provider,
      },
    ];
  }
  return [];
}
