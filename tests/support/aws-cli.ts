import { dirname, join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

/** Those before don't know AWS_ENDPOINT_URL, and would call the real AWS. */
const firsts: Readonly<Record<string, number>> = { "1": 29, "2": 13 };

/** AWS's own command line, as it is installed here. */
export const awsCli: { readonly path: string } | { readonly path: undefined; readonly whyNot: string } = findAwsCli();

/** What it takes to act as somebody. */
export interface AwsCliOptions {
  /** Variables of the AWS that is meant; of profiles, where they are. */
  readonly variables: Readonly<Record<string, string>>;
  /** Its cache and whatever else it writes. */
  readonly home: string;
}

export interface AwsCli {
  /** Variables for other programs that call it. */
  readonly env: Readonly<Record<string, string>>;
  run(profile: string, ...args: readonly string[]): Promise<Ended>;
  /** @throws Error with its words, unless it ends well */
  json<Answer>(profile: string, ...args: readonly string[]): Promise<Answer>;
}

export interface Ended {
  readonly code: number;
  /** What it printed, its errors last. */
  readonly text: string;
  readonly stdout: string;
}

function findAwsCli(): typeof awsCli {
  const candidates = [Bun.env.AWS_CLI, join(projectRoot, ".tools/python/bin/aws"), Bun.which("aws")];
  const path = candidates.find((one) => one !== undefined && one !== null && one !== "" && Bun.which(one) !== null);
  if (path === undefined || path === null) return { path: undefined, whyNot: "it is not installed here" };
  const version = Bun.spawnSync([path, "--version"]).stdout.toString().trim();
  const [, major = "", minor = ""] = /^aws-cli\/(\d+)\.(\d+)\./.exec(version) ?? [];
  const first = firsts[major];
  if (first !== undefined && Number(minor) >= first) return { path };
  return {
    path: undefined,
    whyNot: `${path} is ${version === "" ? "none of AWS's" : version}, which knows no endpoints`,
  };
}

export function openAwsCli({ variables, home }: AwsCliOptions): AwsCli {
  const { path } = awsCli;
  if (path === undefined) throw new Error("the AWS CLI is not installed here");
  // Keys in the environment would win over a profile that a variable names; and it takes an empty AWS_PROFILE for a name.
  const keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
  const rest: Readonly<Record<string, string>> = Object.fromEntries(
    Object.entries(variables).filter(([name]) => !keys.includes(name)),
  );
  const env = {
    ...rest,
    // Kubeconfigs that it writes call it by its bare name.
    PATH: `${dirname(path)}:${rest.PATH ?? ""}`,
    HOME: home,
    AWS_MAX_ATTEMPTS: "1",
    AWS_PAGER: "",
    PYTHONPATH: join(import.meta.dir, "hasty"),
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const run: AwsCli["run"] = (profile, ...args) =>
    runProgram([path, "--profile", profile, "--output", "json", ...args], env);
  return {
    env,
    run,
    async json<Answer>(profile: string, ...args: readonly string[]) {
      const { code, text, stdout } = await run(profile, ...args);
      if (code !== 0) throw new Error(`aws ${args.join(" ")}: ${text}`);
      return JSON.parse(stdout === "" ? "null" : stdout) as Answer;
    },
  };
}

export async function runProgram(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin = "",
): Promise<Ended> {
  const child = Bun.spawn([...command], { env, stdin: Buffer.from(stdin), stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, text: stdout + stderr, stdout };
}
