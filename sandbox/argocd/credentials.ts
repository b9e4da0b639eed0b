import { argocdNamespace } from "#sandbox/argocd/resources.ts";
import { stringAt } from "#sandbox/json.ts";
import { secrets } from "#sandbox/kubernetes/kinds.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";

/** Header by which the secrets `repository` (of one URL) and `repo-creds` (of what begins with it) open a repository. */
export function authorizationFor({ store }: Cluster, url: string): string | undefined {
  const found = store.list(secrets, argocdNamespace).flatMap((secret) => {
    const type = stringAt(secret, "metadata", "labels", "argocd.argoproj.io/secret-type");
    const [of, username, password] = ["url", "username", "password"].map((key) => atob(stringAt(secret, "data", key)));
    const fits = (type === "repository" && of === url) || (type === "repo-creds" && url.startsWith(of ?? ""));
    return fits && password !== ""
      ? [{ length: of?.length ?? 0, header: `Basic ${btoa(`${username}:${password}`)}` }]
      : [];
  });
  return found.toSorted((a, b) => b.length - a.length)[0]?.header;
}
