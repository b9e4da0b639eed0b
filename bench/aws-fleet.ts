/**
 * What the AWS part of a fleet costs: `bun run bench/aws-fleet.ts [rounds] [--patient]`. Accounts, zones, EKS clusters and kubeconfigs
 * of the tests' copy of the default fleet are made by our task, and by a script of `aws` calls that does the same (support/aws-fleet.sh), cluster
 * by cluster and with the clusters in the background; each in a sandbox of its own, whose simulated durations are next to nothing,
 * and then once more with nothing to change. Prints medians of time and of processor time, and ratios. The script's `aws` pauses
 * as our task does; with `--patient` as it does by itself, half a minute at a time. AWS_CLI names it, or it is in PATH.
 */
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { type CloudSandbox, openCloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { scriptProfiles, scriptVariables, stacksOf } from "./support/fleet-script.ts";
import { findProgram, formatSeconds, median, say, watch } from "./support/measure.ts";

const rounds = Number(process.argv[2] ?? 3);
const isPatient = process.argv.includes("--patient");
/** On top of AWS's own haste in the sandbox: a control plane takes some milliseconds. */
const speed = 1_000;
const aws = findProgram("AWS_CLI", "aws");

interface Scene {
  readonly at: CloudSandbox;
  /** Of programs that are to see the sandbox. */
  readonly env: Readonly<Record<string, string>>;
}

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
}

const task = join(projectRoot, "tasks/create-eks-all.ts");
/** Independent of clusters/, so that results stay comparable. */
const fleetFile = join(projectRoot, "tests/fixtures/fleets/default/fleet.ts");
const script = join(import.meta.dir, "support/aws-fleet.sh");
const ours: Contender = {
  name: "our task",
  command: [process.execPath, "run", task, "--sandbox", "--no-gitops", "--fleet", fleetFile],
};
const contenders: readonly Contender[] = [
  ours,
  { name: "aws, clusters in background", command: [script, "background"] },
  { name: "aws, cluster by cluster", command: [script, "sequential"] },
];

/** A sandbox that knows the fleet's accounts, so that entering it costs nothing that isn't ours. */
async function open(clusterParameters: Readonly<Record<string, readonly string[]>>): Promise<Scene> {
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

async function close({ at }: Scene): Promise<void> {
  await at.close();
}

interface Sample {
  readonly wholeMs: number;
  /** Of the programs, not of the sandbox. */
  readonly processorMs: number;
  readonly calls: number;
}

async function measure({ command }: Contender, { at, env }: Scene): Promise<Sample> {
  await at.calls();
  const { wholeMs, processorMs } = await watch(command, { env, cwd: at.folder });
  return { wholeMs, processorMs, calls: (await at.calls()).length };
}

const whens = ["fresh", "unchanged"] as const;
const samples = new Map<string, Sample[]>();
const stacks = await (async () => {
  // The first run reads its files from the disk, and tells what the script is to ask for.
  const scene = await open({});
  try {
    await measure(ours, scene);
    return await stacksOf(fleet, aws, { env: scene.env, cwd: scene.at.folder });
  } finally {
    await close(scene);
  }
})();

for (let round = 1; round <= rounds; round++) {
  for (const contender of contenders) {
    const scene = await open(stacks.clusterParameters);
    try {
      for (const when of whens) {
        const sample = await measure(contender, scene);
        const key = `${contender.name} ${when}`;
        samples.set(key, [...(samples.get(key) ?? []), sample]);
        say(`${round}: ${key} ${formatSeconds(sample.wholeMs)}`);
      }
      const made = await stacksOf(fleet, aws, { env: scene.env, cwd: scene.at.folder });
      if (made.text !== stacks.text)
        throw new Error(`${contender.name} made something else:\n${made.text}\n${stacks.text}`);
      await rm(join(scene.at.folder, "kubeconfigs"), { recursive: true, force: true });
    } finally {
      await close(scene);
    }
  }
}

for (const when of whens) {
  say(`${when}, medians of ${rounds}${isPatient ? "" : ", without the CLI's long pauses"}:`);
  const middle = (name: string, part: (sample: Sample) => number): number =>
    median((samples.get(`${name} ${when}`) ?? []).map(part));
  const whole = ({ wholeMs }: Sample): number => wholeMs;
  const processor = ({ processorMs }: Sample): number => processorMs;
  for (const { name } of contenders) {
    const ratio = (part: (sample: Sample) => number): string =>
      (middle(name, part) / middle(ours.name, part)).toFixed(1);
    const calls = `${middle(name, (sample) => sample.calls)} calls`;
    say(
      `  ${name.padEnd(28)} ${formatSeconds(middle(name, whole))}, ${ratio(whole)} times ours · processor ${formatSeconds(middle(name, processor))}, ${ratio(processor)} times ours · ${calls}`,
    );
  }
}
