import type { Cloud } from "#sandbox/aws/cloud.ts";
import type { Cancellation } from "#sandbox/aws/cloudformation/engine/cancellation.ts";
import { finishChangeSet } from "#sandbox/aws/cloudformation/engine/change-sets.ts";
import { finishDetection } from "#sandbox/aws/cloudformation/engine/drift.ts";
import { drive } from "#sandbox/aws/cloudformation/engine/drive.ts";
import type {
  ChangeSetRecord,
  DriftDetection,
  StackRecord,
  StacksState,
} from "#sandbox/aws/cloudformation/engine/model.ts";
import { stopEngine } from "#sandbox/aws/cloudformation/engine/pause.ts";
import { serviceName } from "#sandbox/aws/cloudformation/engine/stacks.ts";

/** What goes on behind the API. */
export interface Engine {
  /** Carries on with the stack's operation. One that is under way is called off first. */
  drive(stack: StackRecord): void;
  fillChangeSet(stack: StackRecord, changeSet: ChangeSetRecord): void;
  detectDrift(stack: StackRecord, detection: DriftDetection): void;
  /** Goes on with everything that was in progress when the sandbox was stopped. */
  resume(): void;
  /** Leaves everything as it is, for `resume` of another process. */
  stop(): void;
  /** Resolves when nothing is in progress. @throws what went wrong in the engine itself */
  settled(): Promise<void>;
}

export function createEngine(cloud: Cloud): Engine {
  /** Stacks that somebody is at, and how to call that off. */
  const driven = new Map<string, Cancellation | undefined>();
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];

  function keep(work: Promise<void>): void {
    const kept = work.catch((error: unknown) => void failures.push(error)).finally(() => running.delete(kept));
    running.add(kept);
  }

  const engine: Engine = {
    drive: (stack) => {
      if (driven.has(stack.id)) {
        driven.get(stack.id)?.cancel();
        return;
      }
      driven.set(stack.id, undefined);
      const begun = (cancellation: Cancellation) => void driven.set(stack.id, cancellation);
      keep(drive(cloud, stack, begun).finally(() => driven.delete(stack.id)));
    },
    fillChangeSet: (stack, changeSet) => keep(finishChangeSet(cloud, stack, changeSet)),
    detectDrift: (stack, detection) => keep(finishDetection(cloud, stack, detection)),
    resume: () => {
      for (const { state } of cloud.slices<StacksState>(serviceName)) {
        for (const stack of state.stacks) {
          if (stack.operation !== undefined) engine.drive(stack);
          for (const changeSet of stack.changeSets) {
            if (changeSet.status === "CREATE_PENDING" || changeSet.status === "CREATE_IN_PROGRESS") {
              engine.fillChangeSet(stack, changeSet);
            }
          }
          for (const detection of stack.detections) {
            if (detection.status === "DETECTION_IN_PROGRESS") engine.detectDrift(stack, detection);
          }
        }
      }
    },
    stop: () => {
      stopEngine(cloud);
      running.clear();
    },
    settled: async () => {
      while (running.size > 0) await Promise.all(running);
      const [failure] = failures.splice(0);
      if (failure !== undefined) throw failure;
    },
  };
  return engine;
}
