import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { fleetOf as awsFleet, eks } from "#tests/support/aws-story.ts";
import { aks, fleetOf as azureFleet } from "#tests/support/azure-story.ts";
import type { Run } from "#tests/support/cloud-sandbox.ts";
import { type Ended, type Harness, openHarness } from "#tests/support/harness.ts";
import { endedAs, inSandbox, well } from "#tests/support/story.ts";

const fleet = join(projectRoot, "tests/fixtures/fleets/default/fleet.ts");
const local = ["kind01.internal", "kind02.internal", "k3d01.internal", "k3d02.internal"];

test("sandboxes of two checkouts hold the default fleet at the same time", async () => {
  const both = await Promise.all([openHarness({ speed: 50 }), openHarness({ speed: 50 })]);
  const [first, second] = both;
  try {
    const made = await Promise.all(both.map((one) => one.run("create-all", [], { fleet })));
    expect(made.map(failuresOf)).toEqual([[], []]);
    expect(made.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const servers = await Promise.all(both.map(serversOf));
    expect(new Set(servers.flat()).size).toBe(servers.flat().length);

    const seen = await Promise.all(both.map((one) => one.run("status", [], { fleet })));
    expect(seen.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(seen.map(shownServers)).toEqual(servers.map((all) => all.slice(0, local.length)));

    expect((await first.run("delete-all", ["--yes"], { fleet })).exitCode).toBe(0);
    const left = await second.run("status", [], { fleet });
    expect([left.exitCode, shownServers(left)]).toEqual([0, servers[1]?.slice(0, local.length) ?? []]);
  } finally {
    await Promise.all(both.map((one) => one.close()));
  }
}, 240_000);

function failuresOf({ results }: Ended) {
  return Object.values(results).flatMap(({ id, error }) => (error === undefined ? [] : [{ id, error }]));
}

/** What status prints of the local clusters. */
function shownServers({ results }: Ended): readonly string[] {
  const summaries = local.map((name) => results[`local/${name}/cluster`]?.health?.summary ?? "");
  return summaries.map((summary) => /https:\S+/.exec(summary)?.[0] ?? "");
}

/** Servers of the kubeconfigs, local clusters first. */
async function serversOf({ kubeconfig }: Harness): Promise<readonly string[]> {
  const names = [...local, "k01.k8s.aws.mylabs.dev", "k02.k8s.aws.mylabs.dev"];
  const texts = await Promise.all(names.map((name) => Bun.file(kubeconfig(name)).text()));
  return texts.map((text) => /server: (\S+)/.exec(text)?.[1] ?? "");
}

const [inAws, inAzure] = [awsFleet(eks(1)), azureFleet(aks(1))];
/** A cluster in each cloud, and one on this computer. */
const mixed: Fleet = {
  ...inAws,
  zones: [...inAws.zones, ...inAzure.zones],
  accounts: [...inAws.accounts, ...inAzure.accounts],
  clusters: [
    ...inAws.clusters,
    ...inAzure.clusters,
    ...whole.clusters.filter(({ name }) => name === "kind01.internal"),
  ],
};
const places = ["aws", "azure", "local"] as const;
/** So slow that a run waits for clouds and Docker, not for this computer. */
const slowly = 0.5;

/** Milliseconds from the start of a run until the last of what is in one place. */
function endOf(run: Run, place: string): number {
  const begun = Date.parse(run.events[0]?.at ?? "");
  const all = Object.values(run.results).filter(({ id }) => id.startsWith(`${place}/`));
  return Math.max(...all.map(({ at }) => Date.parse(at))) - begun;
}

function failedIn(run: Run, place: string): readonly string[] {
  return [...endedAs(run, "failed"), ...endedAs(run, "blocked")].filter((id) => id.startsWith(`${place}/`));
}

async function timed(run: Promise<Run>): Promise<number> {
  const begun = performance.now();
  await well(run);
  return performance.now() - begun;
}

test("clouds and this computer create their clusters in the time of the slowest", async () => {
  await inSandbox(
    "azure",
    async (story) => {
      const alone: number[] = [];
      for (const task of ["create-eks-all", "create-aks-all", "create-kind-all"]) {
        alone.push(await timed(story.run(task, [], { fleet: mixed })));
      }
      await well(story.run("delete-all", ["--yes"], { fleet: mixed }));
      const together = await timed(story.run("create-all", [], { fleet: mixed }));
      expect(together / Math.max(...alone)).toBeLessThan(1.5);
      expect(together / alone.reduce((sum, one) => sum + one, 0)).toBeLessThan(0.6);
    },
    slowly,
  );
}, 240_000);

test.concurrent.each(["aws", "azure"] as const)(
  "%s that answers slowly holds up nobody else",
  async (cloud) => {
    await inSandbox(cloud, async (story) => {
      await story.openFor(mixed);
      await story.fault("*:*", "slow:250", { times: 0 });
      const run = await well(story.run("create-all", [], { fleet: mixed }));
      for (const place of places) {
        if (place !== cloud) expect([place, endOf(run, place) < endOf(run, cloud)]).toEqual([place, true]);
      }
    });
  },
  240_000,
);

test.concurrent.each([
  ["aws", "sts:*"],
  ["azure", "resourceGroups:*"],
] as const)(
  "%s that refuses all calls holds up nobody else, and goes on once it answers",
  async (cloud, target) => {
    await inSandbox(cloud, async (story) => {
      await story.openFor(mixed);
      await story.fault(target, cloud === "aws" ? "fail:AccessDenied" : "fail:AuthorizationFailed", { times: 0 });
      const run = await story.run("create-all", [], { fleet: mixed });
      expect(run.exitCode).toBe(1);
      for (const place of places) expect([place, failedIn(run, place).length > 0]).toEqual([place, place === cloud]);
      await story.clearFaults();
      await well(story.run("create-all", [], { fleet: mixed }));
    });
  },
  240_000,
);
