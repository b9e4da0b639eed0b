import { applicationNames } from "#lib/fleet/applications.ts";
import { environmentOf, gitPortOf, localSourceOf, pathOf, revisionOf } from "#lib/fleet/defaults.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { folderFault, readRepository, revisionFault } from "#lib/fleet/repository.ts";
import type { ApplicationSwitch, Cluster, Fleet, GitOps, Where } from "#lib/fleet/types.ts";
import { isCloud, isLocal } from "#lib/fleet/types.ts";
import { formatGuess, suggest } from "#lib/nearest.ts";

const at = "gitops";

export function checkGitOps(fleet: Fleet): readonly Fault[] {
  const { gitops, clusters } = fleet;
  if (gitops === undefined) return clusters.flatMap(checkNoArgocd);
  return [
    ...checkRepository(gitops, clusters),
    ...checkRevision(gitops),
    ...checkPath(gitops),
    ...checkPort(gitops, clusters),
    ...checkUnique(gitops.applications),
    ...gitops.applications.flatMap((application) => checkSwitch(application, clusters)),
  ];
}

function checkNoArgocd({ name, provider, argocd = "none" }: Cluster): readonly Fault[] {
  if (argocd === "none") return [];
  return [
    {
      code: "ArgocdWithoutGitOps",
      where: `cluster ${name}`,
      message: `argocd "${argocd}" is set in a fleet without gitops`,
      hint: `add gitops: { repository: "…", applications: [] } to the fleet, or leave argocd out`,
      provider,
    },
  ];
}

function checkRepository(gitops: GitOps, clusters: readonly Cluster[]): readonly Fault[] {
  const reading = readRepository(gitops.repository);
  switch (reading.kind) {
    case "remote":
      return [];
    case "local": {
      const reader = findReader(gitops, clusters);
      if (reader === undefined) return [];
      const message = `repository "${gitops.repository}" is on this computer, where ${reader.name} can't reach it`;
      return [
        { code: "LocalRepository", where: at, message, hint: "push it to a host, and write the URL that others clone" },
      ];
    }
    case "with-credentials":
      // The URL is not repeated, because errors are logged.
      return [
        {
          code: "RepositoryWithCredentials",
          where: at,
          message: `the repository's URL has credentials in it, those of "${reading.instead}"`,
          hint: `write repository: "${reading.instead}", and replace the credentials: they were in a file`,
        },
      ];
    case "malformed":
      return [
        {
          code: "MalformedRepository",
          where: at,
          message: `malformed repository "${gitops.repository}": ${reading.why}`,
          hint: "write it as https://host/owner/name, ssh://git@host/owner/name or git@host:owner/name",
        },
      ];
    default:
      return reading satisfies never;
  }
}

/** A cluster that reads the repository and not this checkout. */
function findReader(gitops: GitOps, clusters: readonly Cluster[]): Cluster | undefined {
  const all = clusters.filter(({ argocd }) => argocd !== "none");
  return all.find(isCloud) ?? (localSourceOf(gitops) === "repository" ? all.find(isLocal) : undefined);
}

function checkRevision(gitops: GitOps): readonly Fault[] {
  const revision = revisionOf(gitops);
  const why = revisionFault(revision);
  if (why === undefined) return [];
  const message = `malformed revision "${revision}": ${why}`;
  return [{ code: "MalformedRevision", where: at, message, hint: `name a branch, tag or commit, e.g. "main"` }];
}

function checkPath(gitops: GitOps): readonly Fault[] {
  const path = pathOf(gitops);
  const why = folderFault(path);
  if (why === undefined) return [];
  const message = `malformed path "${path}": ${why}`;
  return [{ code: "MalformedPath", where: at, message, hint: `name a folder of the repository, e.g. "argocd/apps"` }];
}

function checkPort(gitops: GitOps, clusters: readonly Cluster[]): readonly Fault[] {
  const port = gitPortOf(gitops);
  if (!Number.isInteger(port) || port < 1024 || port > 65535) {
    const message = `port ${port} isn't a whole number from 1024 to 65535`;
    return [{ code: "PortOutOfRange", where: at, message, hint: "leave it out, or use a port near 6580" }];
  }
  const owner = clusters.filter(isLocal).find(({ apiPort }) => apiPort === port);
  if (owner === undefined) return [];
  const message = `port ${port} is the API server's of ${owner.name}`;
  return [{ code: "DuplicatePort", where: at, message, hint: "give the checkout another port in gitops.port" }];
}

function checkUnique(applications: readonly ApplicationSwitch[]): readonly Fault[] {
  const names = applications.map(({ name }) => name);
  return names.flatMap((name, index): readonly Fault[] => {
    if (names.indexOf(name) === index) return [];
    return [
      {
        code: "DuplicateApplication",
        where: `application ${name}`,
        message: `a second switch for "${name}"`,
        hint: "put all of its places into one switch: on and off are lists",
      },
    ];
  });
}

function checkSwitch(application: ApplicationSwitch, clusters: readonly Cluster[]): readonly Fault[] {
  const where = `application ${application.name}`;
  const unknown: readonly Fault[] = applicationNames.includes(application.name)
    ? []
    : [
        {
          code: "UnknownApplication",
          where,
          message: `unknown application "${application.name}"`,
          hint: `${suggest(application.name, applicationNames)}; a new one needs argocd/apps/${application.name}.yaml and its name in lib/fleet/applications.ts`,
        },
      ];
  const places = [...application.on, ...(application.off ?? [])];
  return [...unknown, ...places.flatMap((place) => checkPlace(place, where, clusters))];
}

function checkPlace(place: Where, where: string, clusters: readonly Cluster[]): readonly Fault[] {
  const names: readonly string[] = clusters.map(({ name }) => name);
  const environments = [...new Set(clusters.map(environmentOf))].sort();
  return [
    ...(["providers", "environments", "clusters"] as const)
      .filter((field) => place[field]?.length === 0)
      .map((field): Fault => {
        const message = `${field}: [] fits no cluster`;
        return { code: "EmptyCondition", where, message, hint: `leave ${field} out to mean all of them` };
      }),
    ...(place.environments ?? [])
      .filter((environment) => !environments.includes(environment))
      .map((environment): Fault => {
        const message = `unknown environment "${environment}"`;
        const hint = `${formatGuess(environment, environments)}environments of clusters are ${environments.join(", ")}`;
        return { code: "UnknownEnvironment", where, message, hint };
      }),
    ...(place.clusters ?? [])
      .filter((cluster) => !names.includes(cluster))
      .map((cluster): Fault => {
        const message = `unknown cluster "${cluster}"`;
        return { code: "UnknownCluster", where, message, hint: suggest(cluster, names) };
      }),
  ];
}
