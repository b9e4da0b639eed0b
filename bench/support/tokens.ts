import { median, quantile, say, type Watched, watch } from "./measure.ts";

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
  const all = programs.map((program) => ({ program, samples: [] as Watched[], calls: "" }));
  // The first call of each reads its files from the disk.
  for (const one of all) {
    await measure(one.program, token, settings);
    await calls?.();
    await measure(one.program, token, settings);
    if (calls !== undefined) one.calls = ` · ${await calls()} calls of the cloud`;
  }
  for (let round = 0; round < settings.rounds; round++)
    for (const { program, samples } of all) samples.push(await measure(program, token, settings));

  const ours = all[0]?.samples ?? [];
  for (const { program, samples, calls: asked } of all) {
    const whole = samples.map(({ wholeMs }) => wholeMs);
    const range = `(a tenth below ${quantile(whole, 0.1).toFixed(1)}, a tenth above ${quantile(whole, 0.9).toFixed(1)})`;
    const time = `${formatMiddle("wholeMs", samples, ours)} ${range}`;
    say(`  ${program.name.padEnd(28)} ${time} · processor ${formatMiddle("processorMs", samples, ours)}${asked}`);
  }
}

function formatMiddle(part: "wholeMs" | "processorMs", samples: readonly Watched[], ours: readonly Watched[]): string {
  const [mid, own] = [samples, ours].map((all) => median(all.map((sample) => sample[part]))) as [number, number];
  return `${mid.toFixed(1)} ms, ${(mid / own).toFixed(1)} times ours`;
}

interface Settings {
  readonly rounds: number;
  readonly cwd: string;
}

async function measure(program: TokenProgram, expected: RegExp, { cwd }: Settings): Promise<Watched> {
  const { name, command, env, prepare, tokenOf = tokenOfCredential } = program;
  await prepare?.();
  const watched = await watch(command, { env, cwd });
  const token = tokenOf(JSON.parse(watched.stdout));
  if (typeof token !== "string" || !expected.test(token)) throw new Error(`${name} printed no token`);
  return watched;
}

function tokenOfCredential(answer: unknown): unknown {
  return (answer as { readonly status?: { readonly token?: string } }).status?.token;
}
