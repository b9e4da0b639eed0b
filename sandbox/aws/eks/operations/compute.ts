import { describeAddonVersions } from "#sandbox/aws/eks/addon-versions.ts";
import { createAddon, deleteAddon, describeAddon, listAddons, updateAddon } from "#sandbox/aws/eks/addons.ts";
import {
  createNodeGroup,
  deleteNodeGroup,
  describeNodeGroup,
  listNodeGroups,
  updateNodeGroupConfig,
  updateNodeGroupVersion,
} from "#sandbox/aws/eks/node-groups.ts";
import { shown } from "#sandbox/aws/eks/operations/clusters.ts";
import { type Asked, allowToPass, operation, page, tagsContext } from "#sandbox/aws/eks/rest.ts";
import { arnOf, placeOf } from "#sandbox/aws/eks/state.ts";

export const computeOperations = [
  operation("POST /clusters/*/node-groups", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:CreateNodegroup", asked.clusterArn, tagsContext(body));
    allowToPass(asked, body.nodeRole, "eks.amazonaws.com");
    return { nodegroup: createNodeGroup(cloud, account, region, part(0), body) };
  }),
  operation("GET /clusters/*/node-groups", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:ListNodegroups", asked.clusterArn);
    const { items, more } = page(asked, listNodeGroups(cloud, account, region, part(0)));
    return { nodegroups: items, ...more };
  }),
  operation("GET /clusters/*/node-groups/*", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:DescribeNodegroup", groupArn(asked));
    return { nodegroup: describeNodeGroup(cloud, account, region, part(0), part(1)) };
  }),
  operation("DELETE /clusters/*/node-groups/*", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:DeleteNodegroup", groupArn(asked));
    return { nodegroup: deleteNodeGroup(cloud, account, region, part(0), part(1)) };
  }),
  operation("POST /clusters/*/node-groups/*/update-config", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:UpdateNodegroupConfig", groupArn(asked));
    return { update: shown(updateNodeGroupConfig(cloud, account, region, part(0), part(1), body)) };
  }),
  operation("POST /clusters/*/node-groups/*/update-version", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:UpdateNodegroupVersion", groupArn(asked));
    return { update: shown(updateNodeGroupVersion(cloud, account, region, part(0), part(1), body)) };
  }),
  operation("GET /addons/supported-versions", (asked) => {
    asked.allow("eks:DescribeAddonVersions", "*");
    const all = describeAddonVersions(asked.query("addonName"), asked.query("kubernetesVersion"));
    const { items, more } = page(asked, all);
    return { addons: items, ...more };
  }),
  operation("POST /clusters/*/addons", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:CreateAddon", asked.clusterArn, tagsContext(body));
    allowToPass(asked, body.serviceAccountRoleArn, "eks.amazonaws.com");
    return { addon: createAddon(cloud, account, region, part(0), body) };
  }),
  operation("GET /clusters/*/addons", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:ListAddons", asked.clusterArn);
    const { items, more } = page(asked, listAddons(cloud, account, region, part(0)));
    return { addons: items, ...more };
  }),
  operation("GET /clusters/*/addons/*", (asked) => {
    const { cloud, account, region, part } = asked;
    asked.allow("eks:DescribeAddon", addonArn(asked));
    return { addon: describeAddon(cloud, account, region, part(0), part(1)) };
  }),
  operation("POST /clusters/*/addons/*/update", (asked) => {
    const { cloud, account, region, part, body } = asked;
    asked.allow("eks:UpdateAddon", addonArn(asked));
    return { update: shown(updateAddon(cloud, account, region, part(0), part(1), body)) };
  }),
  operation("DELETE /clusters/*/addons/*", (asked) => {
    const { cloud, account, region, part, query } = asked;
    asked.allow("eks:DeleteAddon", addonArn(asked));
    return { addon: deleteAddon(cloud, account, region, part(0), part(1), query("preserve") === "true") };
  }),
];

/** ARNs of what is asked for; ones like them when there is none, so that a denial comes before "not found". */
function groupArn(asked: Asked): string {
  const { cloud, account, region, part } = asked;
  const found = placeOf(cloud, account, region).state.clusters[part(0)]?.nodeGroups[part(1)];
  return found?.nodegroupArn ?? arnOf(asked, "nodegroup", `${part(0)}/${part(1)}/none`);
}

function addonArn(asked: Asked): string {
  const { cloud, account, region, part } = asked;
  const found = placeOf(cloud, account, region).state.clusters[part(0)]?.addons[part(1)];
  return found?.addonArn ?? arnOf(asked, "addon", `${part(0)}/${part(1)}/none`);
}
