import { expect, setDefaultTimeout, test } from "bun:test";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { liveDefaultFleet } from "#tests/support/default-fleet.ts";
import { well } from "#tests/support/story.ts";

setDefaultTimeout(240_000);

test("the GCP part of the default fleet lives: made, unchanged, proved, changed, deleted, made again", async () => {
  await liveDefaultFleet({
    provider: "gcp",
    product: "gke",
    changing: "gcp/gcp-01/k01.k8s.gcp.mylabs.dev/cluster",
    changed: { releaseChannel: "rapid" },
    changes: [{ field: "releaseChannel.channel", from: "REGULAR", to: "RAPID", effect: "in-place" }],
    // APIs are there, and off.
    emptyExitCode: 1,
    healthy: 5,
    refused: [
      { task: "delete/gcp-mgmt", resource: "gcp/gcp-mgmt/delegation/k8s.gcp.mylabs.dev" },
      { task: "delete/gcp-tenant", resource: "gcp/gcp-01/clusters/access" },
    ],
    accountTasks: ["delete/gcp-tenant", "delete/gcp-mgmt"],
    left: ({ zones }) => zones,
    // Roles, pool and provider are still there, deleted, and keep their names for days.
    async afterwards(gcp, fleet) {
      const restored = await well(gcp.run("create/gcp-mgmt", [], { fleet }));
      expect(restored.results["gcp/gcp-mgmt/pool"]?.outcome).toBe("made");
      await well(gcp.run("create/gcp-tenant", [], { fleet }));
      await gcp.calls();
      await well(gcp.run("create/gcp-tenant", [], { fleet }));
      expect((await gcp.calls()).filter(isChanging)).toEqual([]);
    },
  });
});
