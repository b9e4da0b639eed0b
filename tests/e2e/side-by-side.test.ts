import { expect, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { type Ended, type Harness, openHarness } from "#tests/support/harness.ts";

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
