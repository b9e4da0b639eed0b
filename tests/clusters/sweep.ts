/**
 * The long sweep: kills a create of the fleet of two at random moments, runs it again, and looks whether everything is as it
 * should be. Not part of CI: `bun run sweep [rounds] [signal]`, on a machine with Docker.
 */
import { type Harness, names, openHarness, readyNodes, whyNot } from "#tests/support/harness.ts";

const rounds = Number(process.argv[2] ?? 10);
const signal = (process.argv[3] ?? "SIGKILL") as NodeJS.Signals;
/** A create of both clusters takes about this long on two cores. */
const longestMs = 50_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function round(harness: Harness, afterMs: number): Promise<readonly string[]> {
  const faults: string[] = [];
  const run = harness.start("create-all");
  await Promise.race([Bun.sleep(afterMs), run.ended]);
  run.kill(signal);
  const first = await run.ended;
  const expected = { SIGINT: 130, SIGTERM: 143 }[signal as string];
  if (expected !== undefined && first.exitCode !== expected && first.exitCode !== 0)
    faults.push(`exit ${first.exitCode}`);
  if (signal !== "SIGKILL") {
    const orphans = (await harness.leftovers()).filter((left) => /^\s*\d+ /.test(left));
    if (orphans.length > 0) faults.push(`orphans: ${orphans.join("; ")}`);
  }
  const begin = performance.now();
  const second = await harness.run("create-all");
  if (second.exitCode !== 0) faults.push(`rerun ended with ${second.exitCode}: ${second.stdout.slice(-600)}`);
  for (const name of names) {
    const nodes = await readyNodes(harness.kubeconfig(name));
    if (nodes.length !== 2) faults.push(`${name}: ${nodes.length} nodes ready`);
  }
  const outcomes = names.map((name) => second.results[`local/${name}/cluster`]?.outcome ?? "?").join(" and ");
  const deleted = await harness.run("delete-all", ["--yes"]);
  if (deleted.exitCode !== 0) faults.push(`delete ended with ${deleted.exitCode}`);
  faults.push(...(await harness.leftovers()));
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  say(
    `${signal} after ${seconds(afterMs)}: rerun ${outcomes} in ${seconds(performance.now() - begin)}: ${faults.length === 0 ? "as it should be" : faults.join(" | ")}`,
  );
  return faults;
}

const reason = await whyNot();
if (reason !== undefined) {
  say(`skipped: ${reason}`);
} else {
  const harness = await openHarness();
  let passed = 0;
  for (let index = 0; index < rounds; index++) {
    if ((await round(harness, 500 + Math.random() * longestMs)).length === 0) passed++;
  }
  await harness.close();
  say(`${passed} passed, ${rounds - passed} failed`);
  process.exitCode = passed === rounds ? 0 : 1;
}
