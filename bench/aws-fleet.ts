/**
 * What the AWS part of a fleet costs: `bun run bench/aws-fleet.ts [rounds] [--patient]`. Accounts, zones, EKS clusters and kubeconfigs
 * of the tests' copy of the default fleet are made by our task, and by a script of `aws` calls that does the same (support/aws-fleet.sh), cluster
 * by cluster and with the clusters in the background; each in a sandbox of its own, whose simulated durations are next to nothing,
 * and then once more with nothing to change. Prints medians of time and of processor time, and ratios. The script's `aws` pauses
 * as our task does; with `--patient` as it does by itself, half a minute at a time. AWS_CLI names it, or it is in PATH.
 */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { openCloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { scriptProfiles, scriptVariables, stacksOf } from "./support/fleet-script.ts";
import { compareFleets, type FleetContender, type FleetScene, measureFleet } from "./support/fleets.ts";
import { findProgram } from "./support/measure.ts";

const rounds = Number(process.argv[2] ?? 3);
const isPatient = process.argv.includes("--patient");
/** On top of AWS's own haste in the sandbox: a control plane takes some milliseconds. */
const speed = 1_000;
const aws = findProgram("AWS_CLI", "aws");

const task = join(projectRoot, "tasks/create-eks-all.ts");
/** Independent of clusters/, so that results stay comparable. */
const fleetFile = join(projectRoot, "tests/fixtures/fleets/default/fleet.ts");
const script = join(import.meta.dir, "support/aws-fleet.sh");
const ours: FleetContender = {
  name: "our task",
  command: [process.execPath, "run", task, "--sandbox", "--no-gitops", "--fleet", fleetFile],
};
const contenders: readonly FleetContender[] = [
  ours,
  { name: "aws, clusters in background", command: [script, "background"] },
  { name: "aws, cluster by cluster", command: [script, "sequential"] },
];

/** A sandbox that knows the fleet's accounts, so that entering it costs nothing that isn't ours. */
async function open(clusterParameters: Readonly<Record<string, readonly string[]>>): Promise<FleetScene> {
  const at = await openCloudSandbox(speed);
  const accounts = fleet.accounts.flatMap((account) => ["--account", JSON.stringify(account)]);
  const repository = fleet.gitops === undefined ? [] : ["--repository", fleet.gitops.repository];
  const answer = await at.sandbox("up", "--domain", fleet.domain, ...repository, ...accounts);
  const { env } = JSON.parse(answer) as { readonly env: Readonly<Record<string, string>> };
  // Empty ones shut off what could lead out of the sandbox; to the CLI, an empty profile is one that isn't there.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const kubeconfigs = join(at.folder, "kubeconfigs");
  const config = join(at.folder, "config");
  await mkdir(kubeconfigs, { recursive: true });
  await Bun.write(config, `${await Bun.file(env.AWS_CONFIG_FILE ?? "").text()}\n${scriptProfiles(fleet)}`);
  return {
    at,
    env: {
      ...given,
      PATH: `${dirname(aws)}:${env.PATH ?? ""}`,
      HOME: at.folder,
      CI: "true",
      CLUSTERS_DIRECTORY: at.folder,
      AWS_CONFIG_FILE: config,
      AWS_PAGER: "",
      ...(isPatient ? {} : { PYTHONPATH: join(import.meta.dir, "../tests/support/hasty") }),
      ...scriptVariables(fleet, { kubeconfigs, userArn: env.AWS_USER_ARN ?? "", clusterParameters }),
    },
  };
}

const stacks = await (async () => {
  // The first run reads its files from the disk, and tells what the script is to ask for.
  const scene = await open({});
  try {
    await measureFleet(ours, scene);
    return await stacksOf(fleet, aws, { env: scene.env, cwd: scene.at.folder });
  } finally {
    await scene.at.close();
  }
})();

await compareFleets({
  rounds,
  contenders,
  open: () => open(stacks.clusterParameters),
  async prove({ name }, { at, env }) {
    const made = await stacksOf(fleet, aws, { env, cwd: at.folder });
    if (made.text !== stacks.text) throw new Error(`${name} made something else:\n${made.text}\n${stacks.text}`);
  },
  note: isPatient ? "" : ", without the CLI's long pauses",
});
