import { AwsFault, type Cloud, type Service } from "#sandbox/aws/cloud.ts";
import { type Action, checkInputs } from "#sandbox/aws/cloudformation/api/action.ts";
import * as changeSets from "#sandbox/aws/cloudformation/api/change-sets.ts";
import * as drift from "#sandbox/aws/cloudformation/api/drift.ts";
import * as reading from "#sandbox/aws/cloudformation/api/reading.ts";
import * as stacks from "#sandbox/aws/cloudformation/api/stacks.ts";
import { createEngine } from "#sandbox/aws/cloudformation/engine/engine.ts";
import { serviceName } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { answerFault, answerQuery, parseQuery } from "#sandbox/aws/protocol/query.ts";

const namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/";

const actions: ReadonlyMap<string, Action> = new Map([
  ["ContinueUpdateRollback", stacks.continueUpdateRollback],
  ["CreateChangeSet", changeSets.createChangeSet],
  ["CreateStack", stacks.createStack],
  ["DeleteChangeSet", changeSets.deleteChangeSet],
  ["DeleteStack", stacks.deleteStack],
  ["DescribeChangeSet", changeSets.describeChangeSet],
  ["DescribeEvents", changeSets.describeEvents],
  ["DescribeStackDriftDetectionStatus", drift.describeStackDriftDetectionStatus],
  ["DescribeStackEvents", reading.describeStackEvents],
  ["DescribeStackResourceDrifts", drift.describeStackResourceDrifts],
  ["DescribeStacks", reading.describeStacks],
  ["DetectStackDrift", drift.detectStackDrift],
  ["ExecuteChangeSet", changeSets.executeChangeSet],
  ["GetTemplate", reading.getTemplate],
  ["GetTemplateSummary", reading.getTemplateSummary],
  ["ListChangeSets", changeSets.listChangeSets],
  ["ListStackResources", reading.listStackResources],
  ["ListStacks", reading.listStacks],
  ["RollbackStack", stacks.rollbackStack],
  ["UpdateTerminationProtection", stacks.updateTerminationProtection],
]);

export interface CloudFormation extends Service {
  /** Goes on with what was in progress when the sandbox was stopped. */
  resume(): void;
  /** Leaves what is in progress as it is, for the next `resume`. */
  stop(): void;
  /** Resolves when nothing is in progress any more. @throws what went wrong behind the API */
  settled(): Promise<void>;
}

/** CloudFormation: it reads templates, keeps stacks, and makes what they name. BEHAVIOUR.md tells what of it is real. */
export function createCloudFormation(cloud: Cloud): CloudFormation {
  const engine = createEngine(cloud);
  return {
    name: serviceName,
    resume: engine.resume,
    stop: engine.stop,
    settled: engine.settled,
    async handle({ caller, region, requestId, url, body }) {
      try {
        const { action, input } = parseQuery(body, url);
        const found = actions.get(action);
        if (found === undefined) {
          throw new AwsFault("InvalidAction", `Could not find operation ${action} for version 2010-05-15`);
        }
        checkInputs(found, action, input);
        const request = { cloud, engine, caller, account: caller.account, region, input, action };
        const result = await found.handle(request);
        return answerQuery(action, namespace, result, requestId);
      } catch (error) {
        if (error instanceof AwsFault) return answerFault(error, requestId, namespace);
        throw error;
      }
    },
  };
}
