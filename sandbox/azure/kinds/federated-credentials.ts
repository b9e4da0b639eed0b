import { ArmFault, type Kind, type StoredResource } from "#sandbox/azure/arm/kind.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { credentialsOf, federatedCredentialType } from "#sandbox/azure/entra/federation.ts";
import { identityVersions } from "#sandbox/azure/kinds/identities.ts";
import { timeAfter } from "#sandbox/cloud/cloud-base.ts";
import { stringAt, textsAt } from "#sandbox/json.ts";

const maxPerIdentity = 20;
/** Of Azure's own time: seconds to minutes, https://github.com/Azure/azure-workload-identity/issues/273. */
const propagationMs = 20_000;
/** Of Azure's own time, in which no other credential of the identity can be written. */
const writeMs = 1_000;

/** Identities that a credential is being written to, in lower case. */
const busy = new WeakMap<AzureCloud, Set<string>>();

/** Tokens of other issuers that a managed identity accepts. */
export const federatedCredentials: Kind = {
  type: federatedCredentialType,
  versions: identityVersions.filter((version) => version !== "2018-11-30"),
  shape: federatedCredentialType,
  spelling: { group: "resourcegroups" },
  name: /^[A-Za-z0-9][\w-]{2,119}$/,
  async put({ cloud, at }, { properties }, before) {
    const issuer = stringAt(properties, "issuer");
    const subject = stringAt(properties, "subject");
    const audiences = textsAt(properties, "audiences");
    if (issuer === "" || subject === "")
      throw badRequest("Issuer and subject of a Federated Identity Credential are required.");
    if (audiences.length !== 1) throw badRequest("Federated Identity Credential must have exactly one audience.");
    const identity = at.parent ?? "";
    await writeAlone(cloud, identity);
    const others = credentialsOf(cloud, identity).filter(({ name }) => name.toLowerCase() !== at.name.toLowerCase());
    if (others.length >= maxPerIdentity) {
      throw badRequest(
        `A maximum of ${maxPerIdentity} Federated Identity Credentials is allowed per Managed Identity.`,
      );
    }
    if (others.some((other) => isFor(other, issuer, subject))) {
      throw badRequest("Issuer and subject combination already exists for this Managed Identity.");
    }
    const isSame = before !== undefined && isFor(before, issuer, subject);
    const effective = timeAfter(cloud, propagationMs);
    return {
      properties: { issuer, subject, audiences },
      hidden: { effective: isSame ? stringAt(before.hidden, "effective") : effective },
    };
  },
  beforeRemove({ cloud, at }) {
    refuseConcurrent(cloud, at.parent ?? "");
  },
};

/** Waits for the time of a write. @throws ArmFault when another one of the identity is going on */
async function writeAlone(cloud: AzureCloud, identity: string): Promise<void> {
  refuseConcurrent(cloud, identity);
  const writing = busy.get(cloud) ?? new Set();
  busy.set(cloud, writing.add(identity.toLowerCase()));
  try {
    await cloud.pace.wait(writeMs);
  } finally {
    writing.delete(identity.toLowerCase());
  }
}

function refuseConcurrent(cloud: AzureCloud, identity: string): void {
  if (busy.get(cloud)?.has(identity.toLowerCase()) !== true) return;
  throw new ArmFault(
    409,
    "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
    `Too many Federated Identity Credentials are written concurrently for the managed identity '${identity.toLowerCase()}'. Concurrent Federated Identity Credentials writes under the same managed identity are not supported.`,
  );
}

function isFor({ properties }: StoredResource, issuer: string, subject: string): boolean {
  return stringAt(properties, "issuer") === issuer && stringAt(properties, "subject") === subject;
}

function badRequest(message: string): ArmFault {
  return new ArmFault(400, "BadRequest", message);
}
