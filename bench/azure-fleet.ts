/**
 * What the Azure part of a fleet costs: `bun run bench/azure-fleet.ts [rounds] [--patient]`. Zones, identities, roles, two AKS clusters
 * and kubeconfigs are made by our task, and by a script of `az` calls that does the same (support/azure-fleet.sh), cluster by cluster
 * and with the clusters in the background; each in a sandbox of its own, whose simulated durations are next to nothing, and then
 * once more with nothing to change. What the script made, `plan` must find complete. Prints medians of time and of processor time, and
 * ratios. The script's `az` is signed in, and pauses as our task does; with `--patient` as it does by itself. AZURE_CLI names
 * it, or it is in PATH.
 */
import { dirname, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { openCloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { azVariables, enterAzure } from "./support/azure.ts";
import { fleet } from "./support/azure-fleet.ts";
import { azureAccountsOf, scriptVariables } from "./support/azure-script.ts";
import { compareFleets, type FleetContender, type FleetScene } from "./support/fleets.ts";
import { findProgram, run } from "./support/measure.ts";

const rounds = Number(process.argv[2] ?? 3);
const isPatient = process.argv.includes("--patient");
/** On top of Azure's own haste in the sandbox: a control plane takes some milliseconds. */
const speed = 1_000;
const az = findProgram("AZURE_CLI", "az");
const fleetFile = join(import.meta.dir, "support/azure-fleet.ts");
const script = join(import.meta.dir, "support/azure-fleet.sh");
const ours: FleetContender = {
  name: "our task",
  command: [
    ...[process.execPath, "run", join(projectRoot, "tasks/create-aks-all.ts")],
    ...["--sandbox", "--no-gitops", "--fleet", fleetFile],
  ],
};
const contenders: readonly FleetContender[] = [
  ours,
  { name: "az, clusters in background", command: [script, "background"] },
  { name: "az, cluster by cluster", command: [script, "sequential"] },
];

/** A sandbox that knows the fleet's accounts, where az is signed in. */
async function open(): Promise<FleetScene> {
  const at = await openCloudSandbox(speed);
  try {
    const { env: entered, proxy } = await enterAzure(at, azureAccountsOf(fleet), ["--domain", fleet.domain]);
    const env = {
      ...azVariables(entered, proxy),
      // az itself, not the sandbox's one, which takes some processes to find it.
      PATH: `${dirname(az)}:${entered.PATH ?? ""}`,
      CLUSTERS_DIRECTORY: at.folder,
      ...(isPatient ? {} : { PYTHONPATH: join(projectRoot, "tests/support/hasty") }),
      ...(await scriptVariables(fleet, at.folder)),
    };
    const { AZURE_CLIENT_ID: id = "", AZURE_CLIENT_SECRET: secret = "", AZURE_TENANT_ID: tenant = "" } = entered;
    const login = ["login", "--service-principal", "-u", id, "-p", secret, "--tenant", tenant, "--output", "none"];
    await run([az, ...login], { env, cwd: at.folder });
    return { at, env };
  } catch (error) {
    await at.close();
    throw error;
  }
}

/** All but kubeconfigs, which call other programs for tokens. */
async function prove({ name }: FleetContender, { at }: FleetScene): Promise<void> {
  const { results, stderr } = await at.run("plan", ["--no-gitops", "--fleet", fleetFile]);
  const differing = Object.values(results).filter(
    ({ id, outcome }) => outcome !== "unchanged" && !id.includes("/kubeconfig/"),
  );
  if (differing.length === 0 && Object.keys(results).length > 0) return;
  const lines = differing.map(({ id, outcome, changes }) => `${id} ${outcome} ${JSON.stringify(changes)}`);
  throw new Error([`${name} made something else:`, ...lines, stderr].join("\n"));
}

const note = isPatient ? "" : ", without the CLI's long pauses";
await compareFleets({ rounds, contenders, open, prove, note });
