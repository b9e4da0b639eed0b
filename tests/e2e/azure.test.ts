import { setDefaultTimeout, test } from "bun:test";
import { liveDefaultFleet } from "#tests/support/default-fleet.ts";

setDefaultTimeout(240_000);

test("the Azure part of the default fleet lives: made, unchanged, proved, changed, deleted", async () => {
  await liveDefaultFleet({
    provider: "azure",
    product: "aks",
    changing: "azure/azure-01/k01.k8s.az.mylabs.dev/cluster",
    changed: { publicAccessCidrs: ["198.51.100.0/24"] },
    changes: [
      {
        field: "apiServerAccessProfile.authorizedIPRanges",
        from: ["203.0.113.0/24"],
        to: ["198.51.100.0/24"],
        effect: "in-place",
      },
    ],
    healthy: 5,
    refused: [{ task: "delete/azure-mgmt", resource: "azure/azure-mgmt/delegation/k8s.az.mylabs.dev" }],
    accountTasks: ["delete/azure-tenant", "delete/azure-mgmt"],
    left: ({ resources }) => resources,
  });
});
