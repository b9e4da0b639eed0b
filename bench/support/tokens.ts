import { median, quantile, say, watch } from "./measure.ts";

/** A program that prints a token for kubectl. */
export interface TokenProgram {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Before each call; takes no part in the time. */
  readonly prepare?: () => Promise<void>;
  /** @default status.token, as kubectl reads it */
  readonly tokenOf?: (answer: unknown) => unknown;
}

/** Programs for the same token, in the same state. */
export interface TokenContest {
  readonly title: string;
  /** The first is ours. */
  readonly programs: readonly TokenProgram[];
  readonly token: RegExp;
  /** Calls to the cloud since it was last asked; undefined where nothing is sent anywhere. */
  readonly calls?: () => Promise<number>;
}

/** Runs all programs of a contest in turn, and prints medians and ratios. */
export async function compareTokens({ title, programs, token, calls }: TokenContest, settings: Settings) {
  say(`${title}, medians of ${settings.rounds}:`);
  const all = programs.map((program) => ({ program, timesMs: [] as number[], calls: "" }));
  // The first call of each reads its files from the disk.
  for (const one of all) {
    await measure(one.program, token, settings);
    await calls?.();
    await measure(one.program, token, settings);
    if (calls !== undefined) one.calls = ` · ${await calls()} calls of the cloud`;
  }
  for (let round = 0; round < settings.rounds; round++)
    for (const { program, timesMs } of all) timesMs.push(await measure(program, token, settings));

  const ours = median(all[0]?.timesMs ?? []);
  for (const { program, timesMs, calls: asked } of all) {
    const [low, mid, high] = [0.1, 0.5, 0.9].map((part) => quantile(timesMs, part)) as [number, number, number];
    const range = `(a tenth below ${low.toFixed(1)}, a tenth above ${high.toFixed(1)})`;
    const ratio = `${(mid / ours).toFixed(1)} times ours`;
    say(`  ${program.name.padEnd(28)} ${mid.toFixed(1).padStart(7)} ms ${range} · ${ratio}${asked}`);
  }
}

interface Settings {
  readonly rounds: number;
  readonly cwd: string;
}

async function measure(program: TokenProgram, expected: RegExp, { cwd }: Settings): Promise<number> {
  const { name, command, env, prepare, tokenOf = tokenOfCredential } = program;
  await prepare?.();
  const { stdout, wholeMs } = await watch(command, { env, cwd });
  const token = tokenOf(JSON.parse(stdout));
  if (typeof token !== "string" || !expected.test(token)) throw new Error(`${name} printed no token`);
  return wholeMs;
}

function tokenOfCredential(answer: unknown): unknown {
  return (answer as { readonly status?: { readonly token?: string } }).status?.token;
}
