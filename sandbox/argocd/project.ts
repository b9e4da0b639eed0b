import { listAt, stringAt } from "#sandbox/json.ts";
import type { Kind } from "#sandbox/kubernetes/kinds.ts";

/** What an AppProject forbids an Application, in Argo CD's words; undefined when it permits it. */
export function describeForbidden(
  project: unknown,
  {
    repositories,
    server,
    namespace,
  }: { readonly repositories: readonly string[]; readonly server: string; readonly namespace: string },
): string | undefined {
  const name = stringAt(project, "metadata", "name");
  const allowed = listAt(project, "spec", "sourceRepos").map(String);
  const wrong = repositories.find((url) => !allowed.some((pattern) => matches(pattern, url)));
  if (wrong !== undefined) return `application repo ${wrong} is not permitted in project '${name}'`;
  const destinations = listAt(project, "spec", "destinations");
  const fits = destinations.some(
    (one) => matches(stringAt(one, "server"), server) && matches(stringAt(one, "namespace"), namespace),
  );
  if (fits) return undefined;
  return (
    `application destination server '${server}' and namespace '${namespace}' do not match any of the allowed destinations in ` +
    `project '${name}'`
  );
}

/** Whether an AppProject lets its applications make objects of a kind. */
export function permitsKind(project: unknown, kind: Kind): boolean {
  const has = (list: readonly unknown[]) =>
    list.some((one) => matches(stringAt(one, "group"), kind.group) && matches(stringAt(one, "kind"), kind.kind));
  if (!kind.namespaced) return has(listAt(project, "spec", "clusterResourceWhitelist"));
  const white = listAt(project, "spec", "namespaceResourceWhitelist");
  return (white.length === 0 || has(white)) && !has(listAt(project, "spec", "namespaceResourceBlacklist"));
}

function matches(pattern: string, text: string): boolean {
  return new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`).test(text);
}
