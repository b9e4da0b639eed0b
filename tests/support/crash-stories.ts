import { expect, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { type CloudCall, isChanging, type Started } from "#tests/support/cloud-sandbox.ts";
import { endedAs, type Story, well } from "#tests/support/story.ts";

/** Runs that end in the middle, and runs side by side: the same stories in each cloud. */
export interface CrashCloud<S extends Story> {
  /** `AWS`: of the variable that repeats random runs. */
  readonly name: string;
  /** Of its tasks: `eks`. */
  readonly product: string;
  /** @param speed as of openCloudSandbox */
  tell(story: (cloud: S) => Promise<void>, speed?: number): Promise<void>;
  fleet(clusters: 1 | 2): Fleet;
  /** All that runs make of clusters and for them; twice the same are two of them. */
  thingsIn(cloud: S): Promise<readonly string[]>;
  /** How often commands are killed, and after how many calls. */
  readonly rounds: Readonly<Record<"create" | "delete", { readonly times: number; calls(random: Random): number }>>;
  /** The call that creates a cluster, which happens once for each: `clusters:create`. @default CloudFormation's, which may be repeated */
  readonly creates?: string;
}

type Random = (limit: number) => number;

/** Slower than elsewhere, so that something is under way whenever a run ends. */
const speed = 10;

export function killedAtAnyMoment<S extends Story>(cloud: CrashCloud<S>): void {
  const { product, thingsIn, rounds, creates } = cloud;
  test.concurrent("creates that are killed at any moment are finished by the next one, and deletes as well", async () => {
    const variable = `${cloud.name}_CRASH_SEED`;
    const seed = Number(Bun.env[variable] ?? Date.now() % 100_000);
    const random = randomNumbers(seed);
    try {
      await cloud.tell(async (story) => {
        const fleet = cloud.fleet(2);
        await well(story.run(`create-${product}-all`, [], { fleet }));
        const whole = await thingsIn(story);
        await well(story.run(`delete-${product}-all`, ["--yes"], { fleet }));
        const empty = await thingsIn(story);
        expect(empty.filter((thing) => /k0[12]/.test(thing))).toEqual([]);
        await story.calls();

        const writes: CloudCall[] = [];
        for (let round = 0; round < rounds.create.times; round++) {
          const started = story.start(`create-${product}-all`, [], { fleet });
          writes.push(...(await untilCalls(story, started, rounds.create.calls(random))));
          started.kill("SIGKILL");
          await started.ended;
          writes.push(...(await story.calls()).filter(isChanging));
        }
        await well(story.run(`create-${product}-all`, [], { fleet }));
        writes.push(...(await story.calls()).filter(isChanging));
        expect(await thingsIn(story)).toEqual(whole);
        if (creates !== undefined) expect(outcomesOf(writes, creates)).toEqual([undefined, undefined]);
        await well(story.run("status", [], { fleet }));

        for (let round = 0; round < rounds.delete.times; round++) {
          const started = story.start(`delete-${product}-all`, ["--yes"], { fleet });
          await untilCalls(story, started, rounds.delete.calls(random));
          started.kill("SIGKILL");
          await started.ended;
        }
        await well(story.run(`delete-${product}-all`, ["--yes"], { fleet }));
        expect(await thingsIn(story)).toEqual(empty);
      }, speed);
    } catch (error) {
      throw new Error(`with ${variable}=${seed}`, { cause: error });
    }
  });
}

/** @param once ids of resources that only one of the commands makes */
export function twoAtOnce<S extends Story>(
  { product, tell, fleet: fleetOf }: CrashCloud<S>,
  task: string,
  once: readonly string[],
  check: (cloud: S) => Promise<void>,
): void {
  test.concurrent("two commands at once make everything once", async () => {
    await tell(async (story) => {
      const fleet = fleetOf(2);
      await story.openFor(fleet);
      const runs = await Promise.all([
        well(story.run(`create-${product}-all`, [], { fleet })),
        well(story.run(`create-${product}-all`, [], { fleet })),
        well(story.run(task, [], { fleet })),
      ]);
      for (const one of once) {
        expect(runs.flatMap((run) => endedAs(run, "made")).filter((id) => id === one)).toEqual([one]);
      }
      await check(story);
      await well(story.run("status", [], { fleet }));
    });
  });
}

/** Of clouds that go on with an operation on a cluster when the command has ended. */
export interface Operations<S extends Story> {
  /** Id of the cluster: `gcp/gcp-01/k01.k8s.gcp.mylabs.dev/cluster`. */
  readonly cluster: string;
  /** The call: `clusters:create`. */
  readonly create: string;
  /** What a command prints once the cloud has begun. */
  readonly begun: Readonly<Record<"create" | "delete", string>>;
  /** What an interrupted command says. */
  readonly goesOn: Readonly<Record<"create" | "delete", string>>;
  /** What the next command prints while it waits. */
  readonly joins: Readonly<Record<"create" | "delete", string>>;
  /** Clusters that exist. */
  clustersIn(cloud: S): Promise<readonly unknown[]>;
}

export function interrupted<S extends Story>(cloud: CrashCloud<S>, operations: Operations<S>): void {
  const { product, tell, fleet: fleetOf } = cloud;
  const { cluster, begun, goesOn, joins, clustersIn } = operations;
  const service = operations.create.split(":")[0] ?? "";
  const clusterCalls = async (story: S): Promise<readonly string[]> =>
    (await story.calls()).filter((call) => isChanging(call) && call.service === service).map(nameOf);

  test.concurrent.each(["SIGINT", "SIGKILL"] as const)(
    "a create ended by %s ends at once, and the next one joins what the cloud has gone on with",
    async (signal) => {
      await tell(async (story) => {
        const fleet = fleetOf(1);
        await story.openFor(fleet);
        const started = story.start(`create-${product}-all`, [], { fleet });
        await started.printed(begun.create);
        const endedAt = performance.now();
        started.kill(signal);
        const ended = await started.ended;
        expect(performance.now() - endedAt).toBeLessThan(5_000);
        if (signal === "SIGINT") {
          expect([ended.exitCode, endedAs(ended, "failed")]).toEqual([130, []]);
          expect(endedAs(ended, "cancelled")).toContain(cluster);
          expect(ended.results[cluster]?.goesOn).toBe(goesOn.create);
        }

        await story.calls();
        const second = story.start(`create-${product}-all`, [], { fleet });
        await second.printed(joins.create);
        // What it has seen under way may go on now.
        await story.sandbox("up", "--speed", "20");
        await well(second.ended);
        expect(await clusterCalls(story)).toEqual([]);
        // So slow that the cluster is still being created when the second one comes.
      }, 0.2);
    },
  );

  test.concurrent.each(["SIGINT", "SIGKILL"] as const)(
    "a delete ended by %s goes on in the cloud: another one joins it, a create waits for its end",
    async (signal) => {
      await tell(async (story) => {
        const fleet = fleetOf(1);
        await well(story.run(`create-${product}-all`, [], { fleet }));
        for (const next of ["delete", "create"] as const) {
          await story.sandbox("up", "--speed", "0.2");
          await story.calls();
          const started = story.start(`delete-${product}-all`, ["--yes"], { fleet });
          await started.printed(begun.delete);
          started.kill(signal);
          const ended = await started.ended;
          if (signal === "SIGINT") {
            expect([ended.exitCode, endedAs(ended, "failed")]).toEqual([130, []]);
            expect(ended.results[cluster]?.goesOn).toBe(goesOn.delete);
          }
          await story.calls();
          const second = story.start(`${next}-${product}-all`, next === "delete" ? ["--yes"] : [], { fleet });
          await second.printed(joins.delete);
          await story.sandbox("up", "--speed", "20");
          await well(second.ended);
          expect(await clusterCalls(story)).toEqual(next === "delete" ? [] : [operations.create]);
          if (next === "create") break;
          expect(await clustersIn(story)).toEqual([]);
          // What the second round deletes.
          await well(story.run(`create-${product}-all`, [], { fleet }));
        }
        await well(story.run("status", [], { fleet }));
      });
    },
  );

  test.concurrent("a sandbox that is killed in the middle goes on with what the cloud had begun", async () => {
    await tell(async (story) => {
      const fleet = fleetOf(1);
      await story.openFor(fleet);
      const started = story.start(`create-${product}-all`, [], { fleet });
      await untilCalled(story, operations.create);
      // Written to the disk within a second.
      await Bun.sleep(1_500);
      process.kill(await story.daemon.ping(), "SIGKILL");
      started.kill("SIGKILL");
      await started.ended;
      await well(story.run(`create-${product}-all`, [], { fleet }));
      expect(await clusterCalls(story)).toEqual([]);
      await well(story.run("status", [], { fleet }));
    }, 4);
  });
}

/** Waits until a run has made the cloud that many calls, or has ended. @returns those that change something */
async function untilCalls(story: Story, { ended }: Started, count: number): Promise<readonly CloudCall[]> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  const changing: CloudCall[] = [];
  for (let seen = 0; seen < count && !isOver; await Bun.sleep(10)) {
    const calls = await story.daemon.cloudCalls({ clear: true });
    seen += calls.length;
    changing.push(...calls.filter(isChanging));
  }
  return changing;
}

/** Waits until a run has called this, as `clusters:create`. */
async function untilCalled(story: Story, call: string): Promise<void> {
  while (!(await story.daemon.cloudCalls({ clear: true })).some((one) => nameOf(one) === call)) await Bun.sleep(10);
}

function nameOf({ service, action }: CloudCall): string {
  return `${service}:${action}`;
}

/** How each of these calls ended; undefined for a success. */
export function outcomesOf(calls: readonly CloudCall[], name: string): readonly (string | undefined)[] {
  return calls.filter((call) => nameOf(call) === name).map(({ error }) => error);
}

/** The same numbers for the same seed. @returns whole numbers from 0 to below `limit` */
function randomNumbers(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
}
