import documents from "#sandbox/aws/iam/aws-managed-policies.json";
import type { ManagedPolicy } from "#sandbox/aws/iam/model.ts";

/**
 * Those of AWS's own policies that clusters and administrators need, word for word as AWS publishes them; the versions
 * before the one that counts are left out. Others are not there, and are refused as AWS refuses a name that it does not have.
 */
const policies: ReadonlyMap<string, ManagedPolicy> = new Map(
  documents.map(({ name, path, version, created, document }) => {
    const policy: ManagedPolicy = {
      name,
      path,
      // Made of the name, so that it is the same in every sandbox.
      id: `ANPA${Bun.hash(name).toString(36).toUpperCase().padStart(17, "A").slice(0, 17)}`,
      arn: `arn:aws:iam::aws:policy${path}${name}`,
      created,
      updated: created,
      description: undefined,
      defaultVersion: version,
      versions: [{ id: version, created, document: JSON.stringify(document) }],
      lastVersion: Number(version.slice(1)),
    };
    return [policy.arn, policy];
  }),
);

export function tryFindAwsPolicy(arn: string): ManagedPolicy | undefined {
  return policies.get(arn);
}
