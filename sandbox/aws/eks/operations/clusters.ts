import { updateClusterConfig, updateClusterVersion } from "#sandbox/aws/eks/cluster-updates.ts";
import { createCluster, deleteCluster, describeCluster, listClusters } from "#sandbox/aws/eks/clusters.ts";
import { type Asked, allowToPass, operation, page, tagsContext } from "#sandbox/aws/eks/rest.ts";
import { arnOf, placeOf, recordOf, type Update } from "#sandbox/aws/eks/state.ts";
import { type UpdateOf, updateOf, updatesOf } from "#sandbox/aws/eks/updates.ts";
import { describeVersions } from "#sandbox/aws/eks/versions.ts";
import { stringAt } from "#sandbox/json.ts";

const service = "eks.amazonaws.com";

export const clusterOperations = [
  operation("POST /clusters", (asked) => {
    const { cloud, account, region, body, principal, allow } = asked;
    allow("eks:CreateCluster", arnOf(asked, "cluster", stringAt(body, "name")), tagsContext(body));
    allowToPass(asked, body.roleArn, service);
    allowToPass(asked, stringAt(body, "computeConfig", "nodeRoleArn"), service);
    return { cluster: createCluster(cloud, account, region, body, principal) };
  }),
  operation("GET /clusters", (asked) => {
    asked.allow("eks:ListClusters", "*");
    const { items, more } = page(asked, listClusters(asked.cloud, asked.account, asked.region));
    return { clusters: items, ...more };
  }),
  operation("GET /clusters/*", ({ cloud, account, region, part, allow, clusterArn }) => {
    allow("eks:DescribeCluster", clusterArn);
    return { cluster: describeCluster(cloud, account, region, part(0)) };
  }),
  operation("DELETE /clusters/*", ({ cloud, account, region, part, allow, clusterArn }) => {
    allow("eks:DeleteCluster", clusterArn);
    return { cluster: deleteCluster(cloud, account, region, part(0)) };
  }),
  operation("POST /clusters/*/updates", ({ cloud, account, region, part, body, allow, clusterArn }) => {
    allow("eks:UpdateClusterVersion", clusterArn);
    return { update: shown(updateClusterVersion(cloud, account, region, part(0), body)) };
  }),
  operation("POST /clusters/*/update-config", (asked) => {
    const { cloud, account, region, part, body, allow, clusterArn } = asked;
    allow("eks:UpdateClusterConfig", clusterArn);
    allowToPass(asked, stringAt(body, "computeConfig", "nodeRoleArn"), service);
    return { update: shown(updateClusterConfig(cloud, account, region, part(0), body)) };
  }),
  operation("GET /clusters/*/updates", (asked) => {
    asked.allow("eks:ListUpdates", asked.clusterArn);
    const record = recordOf(placeOf(asked.cloud, asked.account, asked.region), asked.part(0));
    const { items, more } = page(asked, updatesOf(record, askedOf(asked)));
    return { updateIds: items, ...more };
  }),
  operation("GET /clusters/*/updates/*", (asked) => {
    asked.allow("eks:DescribeUpdate", asked.clusterArn);
    const record = recordOf(placeOf(asked.cloud, asked.account, asked.region), asked.part(0));
    return { update: shown(updateOf(record, asked.part(1), askedOf(asked))) };
  }),
  operation("GET /cluster-versions", ({ allow }) => {
    allow("eks:DescribeClusterVersions", "*");
    return { clusterVersions: describeVersions() };
  }),
];

/** An update without what only the sandbox needs to know. */
export function shown({ of: _of, ...update }: Update): object {
  return update;
}

function askedOf({ query }: Asked): UpdateOf | undefined {
  const group = query("nodegroupName");
  if (group !== undefined) return { kind: "nodegroup", name: group };
  const addon = query("addonName");
  return addon === undefined ? undefined : { kind: "addon", name: addon };
}
