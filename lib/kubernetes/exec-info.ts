import { FleetError } from "#lib/errors.ts";

/**
 * Input of a credential plugin: what the client passes and which version it expects.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#input-and-output-formats
 */
export interface ExecInfo {
  /** The answer must use the requested version. */
  readonly apiVersion: string;
  /** The cluster that the credentials are for, if the client passes it. */
  readonly cluster?: { readonly server: string; readonly verified: boolean };
}

/** Our own client sets it to 1 if the API server rejected the plugin's last credentials with 401, else to 0. Other plugins ignore it. */
export const refusedVariable = "K8S_MULTICLUSTER_GITOPS_CREDENTIALS_REFUSED";

const group = "client.authentication.k8s.io";
const known: readonly string[] = [`${group}/v1`, `${group}/v1beta1`];

/** @param text of KUBERNETES_EXEC_INFO @throws FleetError ExecInfoInvalid */
export function parseExecInfo(text = ""): ExecInfo {
  if (text === "") return { apiVersion: `${group}/v1` };
  const { apiVersion, kind, spec } = parseObject(text);
  if (kind !== "ExecCredential") throw invalid(`KUBERNETES_EXEC_INFO is of kind ${JSON.stringify(kind)}`);
  if (typeof apiVersion !== "string" || !known.includes(apiVersion)) {
    throw invalid(`credentials are asked for in version ${JSON.stringify(apiVersion)}`);
  }
  const cluster = spec?.cluster;
  if (cluster === undefined || cluster === null) return { apiVersion };
  if (typeof cluster.server !== "string") throw invalid("KUBERNETES_EXEC_INFO has a cluster without a server");
  return { apiVersion, cluster: { server: cluster.server, verified: cluster["insecure-skip-tls-verify"] !== true } };
}

interface RawInfo {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly spec?: {
    readonly cluster?: { readonly server?: unknown; readonly "insecure-skip-tls-verify"?: unknown } | null;
  } | null;
}

function parseObject(text: string): RawInfo {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // reported below
  }
  throw invalid("KUBERNETES_EXEC_INFO is not a JSON object");
}

function invalid(what: string): FleetError {
  return new FleetError("ExecInfoInvalid", `${what}; supported versions: ${known.join(" and ")}`, {
    hint: "run create again: it writes a new kubeconfig. Is kubectl current?",
  });
}

export function formatExecCredential({ apiVersion }: ExecInfo, token: string, expires: Date): string {
  // Whole seconds, rounded down.
  const expirationTimestamp = expires.toISOString().replace(/\.\d+/, "");
  return `${JSON.stringify({ apiVersion, kind: "ExecCredential", status: { token, expirationTimestamp } })}\n`;
}
