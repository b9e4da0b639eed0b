/**
 * Holds cloudformation/*.yml to the schemas of AWS by cfn-lint, for all regions that the fleet is in, and to rules of security by
 * checkov where it is installed. What either has no rule for is tested in tests/cloudformation.
 *
 * CFN_LINT and CHECKOV name the programs. @default those of PATH
 */
import { join } from "node:path";
import { fleet } from "#clusters/fleet.ts";
import { projectRoot } from "#lib/paths.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const folder = "cloudformation";
const templates = [...new Bun.Glob(`${folder}/*.yml`).scanSync(projectRoot)].sort();
/** Where the stacks of zones and roles are, wherever the clusters are. */
const homeRegion = "us-east-1";
const regions = [
  ...new Set([homeRegion, ...fleet.clusters.flatMap((one) => (one.provider === "aws" ? [one.region] : []))]),
].sort();

interface Linter {
  readonly name: string;
  readonly path: string | undefined;
  readonly arguments: readonly string[];
  /** Without it nothing was checked at all. */
  readonly isNeeded: boolean;
}

const linters: readonly Linter[] = [
  {
    name: "cfn-lint",
    path: Bun.env.CFN_LINT ?? Bun.which("cfn-lint") ?? undefined,
    // Warnings count as errors; exceptions are documented in the template.
    arguments: [
      ...["--include-checks", "I", "--non-zero-exit-code", "informational"],
      ...["--regions", ...regions],
      ...["--template", ...templates],
    ],
    isNeeded: true,
  },
  {
    name: "checkov",
    path: Bun.env.CHECKOV ?? Bun.which("checkov") ?? undefined,
    arguments: ["--config-file", join(projectRoot, ".checkov.yaml"), "--directory", folder],
    isNeeded: false,
  },
];

async function run({ name, path, arguments: given, isNeeded }: Linter): Promise<boolean> {
  if (path === undefined) {
    say(`${name}: not installed here`);
    return !isNeeded;
  }
  const child = Bun.spawn([path, ...given], { cwd: projectRoot, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode !== 0) say(`${stdout}\n${stderr}`.trim());
  say(`${name}: ${exitCode === 0 ? "nothing found" : `exit code ${exitCode}`} in ${templates.length} templates`);
  return exitCode === 0;
}

say(`regions: ${regions.join(", ")}`);
const passed = [];
for (const linter of linters) passed.push(await run(linter));
process.exitCode = passed.every(Boolean) ? 0 : 1;
