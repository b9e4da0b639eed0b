import type { Kubeconfig } from "#lib/kubernetes/kubeconfig.ts";

export const secret = "tokenthatmaynotleak";

export interface KubeconfigOptions {
  readonly server?: string;
  readonly token?: string;
  readonly ca?: string;
}

/** A kubeconfig as kind writes it: cluster, user and context have one name. */
export function kubeconfigOf(name: string, options: KubeconfigOptions = {}): Kubeconfig {
  const { server = "https://127.0.0.1:6551", token = secret, ca } = options;
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name,
        cluster: { server, ...(ca === undefined ? {} : { "certificate-authority-data": btoa(ca) }) },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
}
