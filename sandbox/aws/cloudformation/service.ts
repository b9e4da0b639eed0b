import type { Cloud, Service } from "#sandbox/aws/cloud.ts";
import { type Action, checkInputs } from "#sandbox/aws/cloudformation/api/action.ts";
import * as changeSets from "#sandbox/aws/cloudformation/api/change-sets.ts";
import * as drift from "#sandbox/aws/cloudformation/api/drift.ts";
import * as reading from "#sandbox/aws/cloudformation/api/reading.ts";
import * as stacks from "#sandbox/aws/cloudformation/api/stacks.ts";
import { createEngine } from "#sandbox/aws/cloudformation/engine/engine.ts";
import { serviceName } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { type QueryAction, queryService } from "#sandbox/aws/protocol/query-service.ts";

const namespace = "http://cloudformation.amazonaws.com/doc/2010-05-15/";

/** Each is exported by its name. */
const actions: Readonly<Record<string, Action>> = { ...changeSets, ...drift, ...reading, ...stacks };

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
  const run = Object.entries(actions).map(([name, action]): readonly [string, QueryAction] => {
    const api = name.charAt(0).toUpperCase() + name.slice(1);
    return [
      api,
      ({ caller, region }, input) => {
        checkInputs(action, api, input);
        return action.handle({ cloud, engine, caller, account: caller.account, region, input, action: api });
      },
    ];
  });
  return {
    ...queryService({ name: serviceName, namespace, actions: Object.fromEntries(run) }),
    resume: engine.resume,
    stop: engine.stop,
    settled: engine.settled,
  };
}
