/**
 * Every check that needs no Docker and no account: `bun run test`. What needs a program that isn't here is skipped and said
 * so. The last line has the totals.
 */
import { basename, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

interface Step {
  readonly name: string;
  readonly command: readonly string[];
  /** A program that the step needs beside those that `bun install` brings. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Totals {
  readonly passed: number;
  readonly failed: number;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const bun = process.execPath;
const bin = (name: string): string => join(projectRoot, "node_modules/.bin", name);
const misePath = Bun.which("mise") ?? bin("mise");
/** Tools of mise.toml aren't fetched for a look at the tasks. */
const mise = { MISE_TRUSTED_CONFIG_PATHS: projectRoot, MISE_DISABLE_TOOLS: "bun,k3d,kind,kubectl", MISE_OFFLINE: "1" };

const steps: readonly Step[] = [
  { name: "types", command: [bun, bin("tsc"), "--noEmit"] },
  { name: "lint and format", command: [bin("biome"), "check", "--error-on-warnings", "."] },
  { name: "generated files are fresh", command: [bun, "run", "tasks/generate.ts", "--check"] },
  { name: "mise accepts the tasks", command: [misePath, "tasks", "validate"], program: misePath, env: mise },
  { name: "workflows", command: ["actionlint", "-color"], program: "actionlint" },
  {
    name: "shell scripts",
    command: ["shellcheck", ".ci/run", "bench/support/aws-fleet.sh", "bench/support/azure-fleet.sh"],
    program: "shellcheck",
  },
  {
    name: "CloudFormation templates",
    command: [bun, "run", "scripts/check-templates.ts"],
    program: Bun.env.CFN_LINT ?? "cfn-lint",
  },
  { name: "manifests", command: [bun, "run", "scripts/check-manifests.ts"], program: "kubeconform" },
  {
    name: "kind reads kind/*.yaml, k3d reads k3d/*.yaml",
    command: [bun, "run", "scripts/check-configs.ts"],
    program: "k3d",
  },
  { name: "tests", command: [bun, "test", "--only-failures", "--parallel", ...testFolders()] },
];

/** All but the tests on real clusters, which `.ci/run` runs by themselves. */
function testFolders(): readonly string[] {
  const files = [...new Bun.Glob("tests/**/*.test.ts").scanSync(projectRoot)];
  return files.filter((file) => !file.startsWith("tests/clusters/")).map((file) => `./${file}`);
}

async function run(step: Step): Promise<Totals> {
  const begin = performance.now();
  if (step.program !== undefined && Bun.which(step.program) === null) {
    say(`- ${step.name}: skipped, ${basename(step.program)} is not installed here`);
    return { passed: 0, failed: 0 };
  }
  const child = Bun.spawn([...step.command], {
    cwd: projectRoot,
    env: { ...Bun.env, ...step.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const totals = count(stdout + stderr, exitCode);
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
  const tests = totals.passed > 1 ? `, ${totals.passed} tests` : "";
  say(`${exitCode === 0 ? "✔" : "✘"} ${step.name} (${seconds} s${tests})`);
  if (exitCode !== 0) say(`${stdout}\n${stderr}`.trim());
  return totals;
}

/** A test run counts its tests; every other step counts as one. */
function count(output: string, exitCode: number): Totals {
  const number = (word: string): number | undefined => {
    const found = new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const passed = number("pass");
  const failed = number("fail");
  if (passed === undefined || failed === undefined)
    return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  // A test file that can't even be loaded fails no test.
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

let totals: Totals = { passed: 0, failed: 0 };
for (const step of steps) {
  const one = await run(step);
  totals = { passed: totals.passed + one.passed, failed: totals.failed + one.failed };
}
say(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;
