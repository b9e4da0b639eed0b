import { isObject, type JsonObject, listAt, numberAt, textsAt } from "#sandbox/json.ts";
import { serviceAccounts } from "#sandbox/kubernetes/kinds.ts";
import { type Cluster, read } from "#sandbox/kubernetes/operations.ts";
import { badRequest } from "#sandbox/kubernetes/status.ts";

/** What the token of a service account is to say. */
export interface TokenClaims {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty for the API server's own. */
  readonly audiences: readonly string[];
  readonly seconds: number;
}

/** Signs tokens of service accounts. */
export type IssueToken = (
  claims: TokenClaims,
) => Promise<{ readonly token: string; readonly audiences: readonly string[]; readonly expires: Date }>;

const defaultSeconds = 3_600;
const leastSeconds = 600;

/** The service account of `…/serviceaccounts/NAME/token`. */
export function tokenAccountOf(
  segments: readonly string[],
): { readonly namespace: string; readonly name: string } | undefined {
  const [api, version, namespaces, namespace = "", resource, name = "", subresource, ...more] = segments;
  const path = [api, version, namespaces, resource, subresource].join("/");
  return path === "api/v1/namespaces/serviceaccounts/token" && more.length === 0 ? { namespace, name } : undefined;
}

/** The TokenRequest API. @throws StatusError */
export async function answerTokenRequest(
  cluster: Cluster,
  issue: IssueToken,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  body: JsonObject,
): Promise<Response> {
  const { metadata } = read(cluster, serviceAccounts, namespace, name);
  const seconds = numberAt(body, "spec", "expirationSeconds") ?? defaultSeconds;
  if (seconds < leastSeconds)
    throw badRequest("spec.expirationSeconds: may not specify a duration less than 10 minutes");
  if (isObject(body.spec) && isObject(body.spec.boundObjectRef)) {
    throw badRequest("the sandbox binds tokens to no other object than their service account");
  }
  if (listAt(body, "spec", "audiences").includes("")) throw badRequest("spec.audiences: must not be empty");
  const audiences = textsAt(body, "spec", "audiences");
  const issued = await issue({ namespace, name, uid: metadata.uid, audiences, seconds });
  const answer = {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { name, namespace, creationTimestamp: new Date().toISOString() },
    spec: { audiences: issued.audiences, expirationSeconds: seconds, boundObjectRef: null },
    status: { token: issued.token, expirationTimestamp: issued.expires.toISOString() },
  };
  return Response.json(answer, { status: 201 });
}
