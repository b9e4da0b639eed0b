import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { findResource } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { type AksHidden, hiddenOf } from "#sandbox/azure/kinds/aks/state.ts";
import { newIssuerKey, publicKeyOf, signToken } from "#sandbox/cloud/cluster-issuer.ts";
import { publishKeys } from "#sandbox/cloud/issuers.ts";
import { stringAt } from "#sandbox/json.ts";
import type { IssueToken } from "#sandbox/kubernetes/token-request.ts";

const keyId = "sandbox-aks";

/** Gives a cluster with an OIDC issuer a key, and publishes it. */
export function withIssuer(cloud: AzureCloud, properties: unknown, hidden: AksHidden): AksHidden {
  const issuer = issuerOf(properties);
  if (issuer === "") return hidden;
  const issuerKey = hidden.issuerKey ?? newIssuerKey();
  publishKeys(cloud, withoutScheme(issuer), [publicKeyOf(issuerKey, keyId)]);
  return { ...hidden, issuerKey };
}

/** Tokens of a cluster that is gone can't be verified. */
export function withdrawIssuer(cloud: AzureCloud, { properties }: StoredResource): void {
  const issuer = issuerOf(properties);
  if (issuer !== "") publishKeys(cloud, withoutScheme(issuer), []);
}

/** Tokens of service accounts, for workload identity. */
export function issueTokens(cloud: AzureCloud, clusterId: string): IssueToken {
  return async (claims) => {
    const cluster = findResource(cloud, clusterId);
    if (cluster === undefined) throw new Error(`${clusterId} is gone`);
    const url = issuerOf(cluster.properties) || `https://${stringAt(cluster, "properties", "fqdn")}/`;
    const key = hiddenOf(cluster).issuerKey ?? newIssuerKey();
    return await signToken({ url, key, keyId, now: cloud.now() }, claims);
  };
}

/** Ends in a slash, as the real one; empty for a cluster without an issuer. */
function issuerOf(properties: unknown): string {
  return stringAt(properties, "oidcIssuerProfile", "issuerURL");
}

function withoutScheme(issuer: string): string {
  return issuer.replace("https://", "");
}
