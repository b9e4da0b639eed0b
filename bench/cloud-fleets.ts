/**
 * What the same fleet costs in each cloud: `bun run bench/cloud-fleets.ts [rounds]`. Accounts, zones, clusters and kubeconfigs of the
 * tests' copy of the default fleet are created by our task in a sandbox whose simulated durations are next to nothing, and then once more
 * with nothing to change; `plan` must find the result complete. Prints medians of time and of processor time, calls, and ratios to AWS.
 * bench/aws-fleet.ts and bench/azure-fleet.ts compare two of them with scripts of the clouds' own programs.
 */
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { openCloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { compareFleets, type FleetScene } from "./support/fleets.ts";

/** On top of the clouds' own haste in the sandbox: a control plane takes some milliseconds. */
const speed = 1_000;
/** Independent of clusters/, so that results stay comparable. */
const fleetFile = join(projectRoot, "tests/fixtures/fleets/default/fleet.ts");
const flags = ["--no-gitops", "--fleet", fleetFile];
/** Products in the names of tasks. */
const products = { aws: "eks", azure: "aks", gcp: "gke" };

/** A sandbox that knows all accounts, so that entering it costs nothing. */
async function open(): Promise<FleetScene> {
  const at = await openCloudSandbox(speed);
  const accounts = fleet.accounts.flatMap((account) => ["--account", JSON.stringify(account)]);
  const { env } = JSON.parse(await at.sandbox("up", "--domain", fleet.domain, ...accounts)) as Pick<FleetScene, "env">;
  return { at, env: { ...env, HOME: at.folder, CI: "true", CLUSTERS_DIRECTORY: at.folder } };
}

await compareFleets({
  rounds: Number(process.argv[2] ?? 3),
  contenders: Object.entries(products).map(([name, product]) => ({
    name,
    command: [process.execPath, "run", join(projectRoot, `tasks/create-${product}-all.ts`), "--sandbox", ...flags],
  })),
  open,
  async prove({ name }, { at }) {
    const { results, stderr } = await at.run("plan", flags);
    const own = Object.values(results).filter(({ id }) => id.startsWith(`${name}/`));
    // Kubeconfigs call programs for tokens.
    const differing = own.filter(({ id, outcome }) => outcome !== "unchanged" && !id.includes("/kubeconfig/"));
    if (differing.length === 0 && own.length > 0) return;
    const lines = differing.map(({ id, outcome, changes }) => `${id} ${outcome} ${JSON.stringify(changes)}`);
    throw new Error([`${name} is not complete:`, ...lines, stderr].join("\n"));
  },
  than: "that of aws",
  note: "",
});
