/**
 * What a fleet of many EKS clusters costs in the sandbox: `bun run bench/many-clusters.ts [clusters] [checkout]`. Creates a
 * generated fleet with `create-eks-all --no-gitops`, runs the same again with nothing to change, and prints for each run its time and
 * processor time, and what the sandbox's daemon used: processor time, bytes written, and the most memory so far. Tasks and sandbox
 * are those of the checkout, which may be of another commit. Linux only: the daemon's figures are read from /proc.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { formatSeconds, run, say, watch } from "./support/measure.ts";

const count = Number(process.argv[2] ?? 50);
const root = process.argv[3] ?? projectRoot;
/** AWS's default quota of networks in a region, and so of our clusters. */
const perRegion = 5;
const regions = [
  "us-east-1",
  "us-east-2",
  "us-west-2",
  "eu-central-1",
  "eu-west-1",
  "eu-west-2",
  "eu-north-1",
  "ap-south-1",
];
/** Of `getconf CLK_TCK`; the same on every Linux that Bun runs on. */
const ticksPerSecond = 100;

const fleet = `import { fleet as base } from ${JSON.stringify(join(root, "tests/fixtures/fleets/default/fleet.ts"))};
const places = ${JSON.stringify(placesOf(count))};
const tenants = [...new Set(places.map(({ account }) => account))];
export const fleet = {
  ...base,
  zones: base.zones.filter(({ provider }) => provider === "aws"),
  accounts: [
    ...base.accounts.filter(({ role, provider }) => provider === "aws" && role === "management"),
    ...tenants.map((name, index) => ({
      provider: "aws", name, role: "tenant", accountId: String(200_000_000_000 + index), iamRole: name + "-iam-role",
    })),
  ],
  clusters: places.map((place) => ({ provider: "aws", publicAccessCidrs: ["203.0.113.0/24"], ...place })),
};
`;

function placesOf(clusters: number) {
  return Array.from({ length: clusters }, (_, index) => {
    const slot = Math.floor(index / perRegion);
    return {
      name: `c${String(index).padStart(4, "0")}.k8s.aws.mylabs.dev`,
      account: `tenant-${Math.floor(slot / regions.length)}`,
      region: regions[slot % regions.length] ?? "",
    };
  });
}

interface Usage {
  readonly processorMs: number;
  readonly writtenBytes: number;
  readonly mostMemoryBytes: number;
}

async function usageOf(pid: number): Promise<Usage> {
  const [stat, io, status] = await Promise.all(
    ["stat", "io", "status"].map((file) => Bun.file(`/proc/${pid}/${file}`).text()),
  );
  // Fields 14 and 15, counted after the name, which may contain anything (proc_pid_stat(5)).
  const fields = (stat ?? "").slice((stat ?? "").lastIndexOf(")") + 2).split(" ");
  return {
    processorMs: ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1_000,
    writtenBytes: Number(/^wchar: (\d+)/m.exec(io ?? "")?.[1]),
    mostMemoryBytes: Number(/^VmHWM:\s+(\d+) kB/m.exec(status ?? "")?.[1]) * 1_024,
  };
}

function formatMegabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`;
}

const folder = await mkdtemp(join(tmpdir(), "many-clusters-"));
const settings = { env: { PATH: Bun.env.PATH ?? "", HOME: folder, CI: "true", CLUSTERS_DIRECTORY: folder }, cwd: root };
const state = join(folder, ".sandbox");
const sandbox = (...args: readonly string[]) =>
  run([process.execPath, join(root, "sandbox/main.ts"), ...args, "--state", state], settings);
try {
  await Bun.write(join(folder, "fleet.ts"), fleet);
  await sandbox("up", "--speed", "1000");
  const pid = Number(await Bun.file(join(state, "daemon.pid")).text());
  const task = [process.execPath, "run", join(root, "tasks/create-eks-all.ts"), "--sandbox", "--no-gitops"];
  for (const when of ["fresh", "unchanged", "unchanged"]) {
    const before = await usageOf(pid);
    const { wholeMs, processorMs } = await watch([...task, "--fleet", join(folder, "fleet.ts")], settings);
    const after = await usageOf(pid);
    const daemon = [
      `${formatSeconds(after.processorMs - before.processorMs)} processor`,
      `${formatMegabytes(after.writtenBytes - before.writtenBytes)} written`,
      `${formatMegabytes(after.mostMemoryBytes)} memory`,
    ];
    say(
      `${count} ${when}: ${formatSeconds(wholeMs)}, ${formatSeconds(processorMs)} processor; daemon ${daemon.join(", ")}`,
    );
  }
} finally {
  await sandbox("reset");
  await rm(folder, { recursive: true, force: true });
}
