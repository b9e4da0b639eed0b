import type { CloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { formatSeconds, median, say, watch } from "./measure.ts";

/** A sandbox of its own for one contender. */
export interface FleetScene {
  readonly at: CloudSandbox;
  /** Of programs that are to see the sandbox. */
  readonly env: Readonly<Record<string, string>>;
}

/** Something that creates the fleet, and may be run again. */
export interface FleetContender {
  readonly name: string;
  readonly command: readonly string[];
}

export interface FleetContest {
  readonly rounds: number;
  /** All are compared with the first, which is ours. */
  readonly contenders: readonly FleetContender[];
  readonly open: () => Promise<FleetScene>;
  /** @throws when what was made is not the fleet */
  readonly prove: (contender: FleetContender, scene: FleetScene) => Promise<void>;
  /** What the first is called in ratios. @default "ours" */
  readonly than?: string;
  /** Beside the number of rounds, in the headings of results. */
  readonly note: string;
}

interface Sample {
  readonly wholeMs: number;
  /** Of the programs, not of the sandbox. */
  readonly processorMs: number;
  readonly calls: number;
}

const whens = ["fresh", "unchanged"] as const;

export async function measureFleet({ command }: FleetContender, { at, env }: FleetScene): Promise<Sample> {
  await at.calls();
  const { wholeMs, processorMs } = await watch(command, { env, cwd: at.folder });
  return { wholeMs, processorMs, calls: (await at.calls()).length };
}

/** Each contender in each round creates the fleet, and then runs once more with nothing to change. Prints medians and ratios. */
export async function compareFleets(contest: FleetContest): Promise<void> {
  const { rounds, contenders, open, prove, note, than = "ours" } = contest;
  const samples = new Map<string, Sample[]>();
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      const scene = await open();
      try {
        for (const when of whens) {
          const sample = await measureFleet(contender, scene);
          const key = `${contender.name} ${when}`;
          samples.set(key, [...(samples.get(key) ?? []), sample]);
          say(`${round}: ${key} ${formatSeconds(sample.wholeMs)}`);
        }
        await prove(contender, scene);
      } finally {
        await scene.at.close();
      }
    }
  }
  for (const when of whens) {
    say(`${when}, medians of ${rounds}${note}:`);
    for (const { name } of contenders) {
      say(`  ${formatResult(name, { name: contenders[0]?.name ?? "", than }, when, samples)}`);
    }
  }
}

function formatResult(
  name: string,
  first: { readonly name: string; readonly than: string },
  when: string,
  samples: ReadonlyMap<string, readonly Sample[]>,
): string {
  const middle = (of: string, part: (sample: Sample) => number): number =>
    median((samples.get(`${of} ${when}`) ?? []).map(part));
  const format = (part: (sample: Sample) => number): string =>
    `${formatSeconds(middle(name, part))}, ${(middle(name, part) / middle(first.name, part)).toFixed(1)} times ${first.than}`;
  const whole = format(({ wholeMs }) => wholeMs);
  const processor = format(({ processorMs }) => processorMs);
  return `${name.padEnd(28)} ${whole} · processor ${processor} · ${middle(name, ({ calls }) => calls)} calls`;
}
