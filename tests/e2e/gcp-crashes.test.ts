import { expect, setDefaultTimeout, test } from "bun:test";
import { fleetOf, gke, inGcp } from "#tests/support/gcp-story.ts";
import { well } from "#tests/support/story.ts";

setDefaultTimeout(120_000);

const fleet = fleetOf(gke(1));
const k01 = "gcp/gcp-01/k01.k8s.gcp.mylabs.dev";
/** Slower than the other stories: GKE is still at work when the run is killed. */
const speed = 2;

test.concurrent.each(["SIGKILL", "SIGINT"] as const)(
  "a create ended by %s goes on in GKE, and is joined",
  async (signal) => {
    await inGcp(async (gcp) => {
      await well(gcp.run("create/gcp-mgmt", [], { fleet }));
      await well(gcp.run("create/gcp-tenant", [], { fleet }));
      const started = gcp.start("create-gke-all", [], { fleet });
      await started.printed("GKE: create cluster");
      started.kill(signal);
      await started.ended;

      await gcp.calls();
      const made = await well(gcp.run("create-gke-all", [], { fleet }));
      expect(made.results[`${k01}/cluster`]?.outcome).not.toBe("failed");
      const created = (await gcp.calls()).filter(
        ({ service, action }) => service === "clusters" && action === "create",
      );
      expect(created).toEqual([]);

      const deleting = gcp.start("delete-gke-all", ["--yes"], { fleet });
      await deleting.printed("GKE: delete cluster");
      deleting.kill(signal);
      await deleting.ended;
      await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
      const status = JSON.parse(await gcp.sandbox("status")) as {
        readonly gcp: { readonly clusters: readonly unknown[] };
      };
      expect(status.gcp.clusters).toEqual([]);
    }, speed);
  },
);
