import { AwsFault } from "#sandbox/aws/cloud.ts";
import { exportFault } from "#sandbox/aws/cloudformation/engine/exports.ts";
import type { Plan } from "#sandbox/aws/cloudformation/engine/plan.ts";
import { lookupOf, type Run } from "#sandbox/aws/cloudformation/engine/run.ts";

/** Gives a stack the outputs of its new deployment. @returns why it can't have them; undefined when it has */
export function finishOutputs(run: Run, plan: Plan): string | undefined {
  const { cloud, stack } = run;
  try {
    const outputs = plan.outputs(lookupOf(run));
    const fault = exportFault(cloud, stack, outputs);
    if (fault !== undefined) return fault;
    stack.outputs = outputs;
    stack.imports = [...plan.imports()];
    return undefined;
  } catch (error) {
    if (error instanceof AwsFault) return error.message;
    throw error;
  }
}
