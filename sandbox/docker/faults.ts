import type { Fault } from "#sandbox/docker/model.ts";
import type { DockerState } from "#sandbox/docker/state.ts";

export interface FaultFailure {
  readonly exitCode: number;
  readonly text: string;
}

export type FaultEffect =
  | { readonly kind: "fail"; readonly failure: FaultFailure }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "hang" };

/** `fail:<exit>:<stderr text>`, `slow:<ms>` (real milliseconds) or `hang`. Undefined when it is none of them. */
export function parseEffect(text: string): FaultEffect | undefined {
  if (text === "hang") return { kind: "hang" };
  const slow = /^slow:(\d+)$/.exec(text);
  if (slow !== null) return { kind: "slow", ms: Number(slow[1]) };
  const fail = /^fail:(\d+):(.*)$/s.exec(text);
  if (fail === null) return undefined;
  return { kind: "fail", failure: { exitCode: Number(fail[1]), text: fail[2] ?? "" } };
}

/** True when the words of `match` are in the command line, in that order. */
export function matchesCommand(match: string, argv: readonly string[]): boolean {
  let at = 0;
  for (const word of match.split(/\s+/).filter((part) => part !== "")) {
    const found = argv.indexOf(word, at);
    if (found < 0) return false;
    at = found + 1;
  }
  return true;
}

/** Waits, hangs or fails as somebody asked for; undefined when the call may go on. */
export async function meetFaults(
  state: DockerState,
  program: string,
  argv: readonly string[],
): Promise<FaultFailure | undefined> {
  for (const fault of state.faults()) {
    if (fault.program !== program || !matchesCommand(fault.match, argv)) continue;
    if (!isDue(fault, state.countFault(fault.id))) continue;
    const effect = parseEffect(fault.effect);
    if (effect?.kind === "fail") return effect.failure;
    if (effect?.kind === "slow") await Bun.sleep(effect.ms);
    // Until somebody kills the program; a timer that never rings keeps the process alive.
    if (effect?.kind === "hang") await Bun.sleep(2 ** 31 - 1);
  }
  return undefined;
}

function isDue(fault: Fault, call: number): boolean {
  return call >= fault.nth && (fault.times === 0 || call < fault.nth + fault.times);
}
