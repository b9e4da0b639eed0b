import {
  type CloudFormation,
  CloudFormationServiceException,
  type ResourceChange,
  type StackEvent,
} from "@aws-sdk/client-cloudformation";
import type { StatusName } from "#lib/aws/cloudformation/status.ts";
import type { Clock } from "#lib/clock.ts";

/** One stack as CloudFormation has it. */
export interface MemoryStack {
  readonly id: string;
  readonly name: string;
  status: StatusName;
  template: string;
  description: string | undefined;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  outputs: Record<string, string>;
  isProtected: boolean;
  /** The role of its last operation. */
  roleArn: string | undefined;
  /** Oldest first. */
  events: StackEvent[];
  running: Running | undefined;
}

/** What comes of an operation: what its resources go through, and where the stack ends. */
export interface Course {
  readonly resources?: readonly Happening[];
  readonly end: StatusName;
  /** @default a minute */
  readonly ms?: number;
}

/** Name, type and state of a resource, with the reason. */
export type Happening = readonly [
  name: string,
  status: StackEvent["ResourceStatus"],
  reason?: string | undefined,
  type?: string,
];

interface Running extends Required<Course> {
  readonly token: string | undefined;
  readonly began: number;
  told: number;
}

interface MemoryChangeSet {
  readonly id: string;
  readonly name: string;
  readonly stack: MemoryStack;
  readonly type: string;
  readonly template: string;
  readonly parameters: Record<string, string>;
  readonly tags: Record<string, string>;
  status: "CREATE_COMPLETE" | "FAILED";
  reason: string | undefined;
  execution: "AVAILABLE" | "UNAVAILABLE" | "EXECUTE_IN_PROGRESS";
}

export type Operation = "create" | "update" | "delete" | "rollback" | "continue";

const during: Readonly<Record<Operation, StatusName>> = {
  create: "CREATE_IN_PROGRESS",
  update: "UPDATE_IN_PROGRESS",
  delete: "DELETE_IN_PROGRESS",
  rollback: "UPDATE_ROLLBACK_IN_PROGRESS",
  continue: "UPDATE_ROLLBACK_IN_PROGRESS",
};
const wellEnded: Readonly<Record<Operation, StatusName>> = {
  create: "CREATE_COMPLETE",
  update: "UPDATE_COMPLETE",
  delete: "DELETE_COMPLETE",
  rollback: "UPDATE_ROLLBACK_COMPLETE",
  continue: "UPDATE_ROLLBACK_COMPLETE",
};

export function awsError(name: string, message: string): Error {
  return new CloudFormationServiceException({ name, message, $fault: "client", $metadata: {} });
}

/** CloudFormation of one account and region, as far as its operations are told beforehand. What it doesn't know it refuses. */
export function cloudFormationMemory(clock: Clock) {
  const stacks: MemoryStack[] = [];
  const changeSets: MemoryChangeSet[] = [];
  const memory = {
    stacks,
    /** Calls that change something, in order. */
    calls: [] as string[],
    /** Input of each call, by its name. */
    inputs: {} as Record<string, Record<string, unknown>>,
    /** What comes of the next operations; one that isn't here ends well. */
    courses: {} as Partial<Record<Operation, Course[]>>,
    /** What change sets say that they would change. */
    changes: [{ Action: "Add", LogicalResourceId: "Role", ResourceType: "AWS::IAM::Role" }] as ResourceChange[],
    /** Errors of the next calls by their names; `after` is thrown although the call was done. */
    faults: {} as Record<string, { readonly error: Error; readonly after?: true }[]>,
    /** Why change sets fail; undefined when they don't. */
    changeSetFailure: undefined as string | undefined,
    /** How many looks at a stack still show it as it was before an operation. */
    staleLooks: 0,
    /** What else may be asked, and its answer. */
    answers: {} as Record<string, (input: Record<string, string>) => object>,
    /** Called before each call is answered. */
    onCall: undefined as ((method: string) => void) | undefined,
    /** Of the template's parameters: what those get that nobody gives. */
    defaults: {} as Record<string, string>,
    put,
    begin,
    changeSetsOf: (name: string) => changeSets.filter((one) => one.stack.name === name),
    client: undefined as unknown as CloudFormation,
  };

  function put(change: Partial<MemoryStack> = {}): MemoryStack {
    const name = change.name ?? "k01-eks";
    const id = `arn:aws:cloudformation:us-east-1:111111111111:stack/${name}/${stacks.length + 1}`;
    const made: MemoryStack = {
      id,
      name,
      status: "CREATE_COMPLETE",
      template: "",
      description: undefined,
      parameters: {},
      tags: {},
      outputs: { RoleArn: "arn:aws:iam::111111111111:role/r" },
      isProtected: false,
      roleArn: undefined,
      events: [],
      running: undefined,
      ...change,
    };
    stacks.push(made);
    return made;
  }

  /** As if somebody had asked for it. */
  function begin(stack: MemoryStack, operation: Operation, token?: string): void {
    const course = memory.courses[operation]?.shift() ?? { end: wellEnded[operation] };
    if (memory.staleLooks > 0) stale.set(stack.id, { status: stack.status, looks: memory.staleLooks });
    stack.status = during[operation];
    stack.running = { resources: [], ms: 60_000, ...course, token, began: clock.now(), told: 0 };
    tell(stack, [stack.name, during[operation] as never, "User Initiated", "AWS::CloudFormation::Stack"], token);
  }
  const stale = new Map<string, { readonly status: StatusName; looks: number }>();

  function tell(stack: MemoryStack, [name, status, reason, type]: Happening, token: string | undefined): void {
    stack.events.push({
      StackId: stack.id,
      StackName: stack.name,
      EventId: `${stack.id} ${stack.events.length}`,
      LogicalResourceId: name,
      PhysicalResourceId: name === stack.name ? stack.id : `${name}-1`,
      ResourceType: type ?? "AWS::IAM::Role",
      ResourceStatus: status,
      ResourceStatusReason: reason,
      ClientRequestToken: token,
      Timestamp: new Date(clock.now()),
    });
  }

  /** Lets happen what is due by now. */
  function advance(): void {
    for (const stack of stacks) {
      const { running } = stack;
      if (running === undefined) continue;
      const passed = (clock.now() - running.began) / running.ms;
      const due = Math.min(running.resources.length, Math.floor(passed * (running.resources.length + 1)));
      for (const happening of running.resources.slice(running.told, due)) tell(stack, happening, running.token);
      running.told = due;
      if (passed < 1) continue;
      stack.running = undefined;
      stack.status = running.end;
      tell(stack, [stack.name, running.end as never, undefined, "AWS::CloudFormation::Stack"], running.token);
    }
  }

  function find(nameOrId: string): MemoryStack {
    const found = stacks.find(
      (one) => one.id === nameOrId || (one.name === nameOrId && one.status !== "DELETE_COMPLETE"),
    );
    if (found === undefined) throw awsError("ValidationError", `Stack with id ${nameOrId} does not exist`);
    return found;
  }

  function findChangeSet(nameOrId: string): MemoryChangeSet {
    const found = changeSets.find(({ id, name }) => id === nameOrId || name === nameOrId);
    if (found === undefined) throw awsError("ChangeSetNotFoundException", `ChangeSet [${nameOrId}] does not exist`);
    return found;
  }

  const pairs = (values: Record<string, string>, key: string, value: string) =>
    Object.entries(values).map(([name, text]) => ({ [key]: name, [value]: text }));

  // biome-ignore lint/suspicious/noExplicitAny: inputs of a dozen calls, each of which is checked by what it does
  const known: Record<string, (input: any) => object> = {
    describeStacks({ StackName }) {
      const stack = find(StackName);
      const old = stale.get(stack.id);
      if (old !== undefined && old.looks-- <= 0) stale.delete(stack.id);
      const shown = {
        StackId: stack.id,
        StackName: stack.name,
        StackStatus: stale.get(stack.id)?.status ?? stack.status,
        Description: stack.description,
        CreationTime: new Date("2026-01-02T03:04:05Z"),
        Parameters: pairs(stack.parameters, "ParameterKey", "ParameterValue"),
        Tags: pairs(stack.tags, "Key", "Value"),
        Outputs: pairs(stack.outputs, "OutputKey", "OutputValue"),
        EnableTerminationProtection: stack.isProtected,
        RoleARN: stack.roleArn,
      };
      return { Stacks: [shown] };
    },
    describeStackEvents({ StackName, NextToken }) {
      // Pages of three, so that whoever reads one only is found out.
      const newestFirst = find(StackName).events.toReversed();
      const from = Number(NextToken ?? 0);
      const next = from + 3 < newestFirst.length ? { NextToken: String(from + 3) } : {};
      return { StackEvents: newestFirst.slice(from, from + 3), ...next };
    },
    getTemplate: ({ StackName }) => ({ TemplateBody: find(StackName).template }),
    listStackResources: () => ({ StackResourceSummaries: [{ ResourceStatus: "CREATE_COMPLETE" }] }),
    listChangeSets: ({ StackName }) => ({
      Summaries: changeSets.filter((one) => one.stack === find(StackName)).map((one) => ({ ChangeSetName: one.name })),
    }),
    createChangeSet(input) {
      const isNew = input.ChangeSetType === "CREATE";
      const present = stacks.find((one) => one.name === input.StackName && one.status !== "DELETE_COMPLETE");
      if (isNew && present !== undefined && present.status !== "REVIEW_IN_PROGRESS") {
        throw awsError("AlreadyExistsException", `Stack [${input.StackName}] already exists`);
      }
      const stack = isNew
        ? (present ?? put({ name: input.StackName, status: "REVIEW_IN_PROGRESS" }))
        : find(input.StackName);
      if (stack.running !== undefined) {
        throw awsError("ValidationError", `Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
      }
      if (changeSets.some(({ name }) => name === input.ChangeSetName)) {
        throw awsError("AlreadyExistsException", `ChangeSet ${input.ChangeSetName} already exists`);
      }
      const parameters: Record<string, string> = { ...memory.defaults };
      for (const { ParameterKey, ParameterValue, UsePreviousValue } of input.Parameters) {
        parameters[ParameterKey] = UsePreviousValue === true ? (stack.parameters[ParameterKey] ?? "") : ParameterValue;
      }
      const tags = Object.fromEntries(input.Tags.map((tag: { Key: string; Value: string }) => [tag.Key, tag.Value]));
      const isSame = Bun.deepEquals(
        [stack.template, stack.parameters, stack.tags],
        [input.TemplateBody, parameters, tags],
      );
      const nothing =
        "The submitted information didn't contain changes. Submit different information to create a change set.";
      const reason = memory.changeSetFailure ?? (isSame ? nothing : undefined);
      const made: MemoryChangeSet = {
        id: `arn:aws:cloudformation:us-east-1:111111111111:changeSet/${input.ChangeSetName}/1`,
        name: input.ChangeSetName,
        stack,
        type: input.ChangeSetType,
        template: input.TemplateBody,
        parameters,
        tags,
        status: reason === undefined ? "CREATE_COMPLETE" : "FAILED",
        reason,
        execution: reason === undefined ? "AVAILABLE" : "UNAVAILABLE",
      };
      changeSets.push(made);
      return { Id: made.id, StackId: stack.id };
    },
    describeChangeSet({ ChangeSetName, NextToken }) {
      const { id, stack, status, reason, execution } = findChangeSet(ChangeSetName);
      // One change a page.
      const page = Number(NextToken ?? 0);
      const Changes = memory.changes.slice(page, page + 1).map((change) => ({ ResourceChange: change }));
      const next = page + 1 < memory.changes.length ? { NextToken: String(page + 1) } : {};
      const told = { ChangeSetId: id, StackId: stack.id, Status: status, StatusReason: reason };
      return { ...told, ExecutionStatus: execution, Changes, ...next };
    },
    deleteChangeSet({ ChangeSetName }) {
      changeSets.splice(changeSets.indexOf(findChangeSet(ChangeSetName)), 1);
      return {};
    },
    executeChangeSet({ ChangeSetName, ClientRequestToken }) {
      const changeSet = findChangeSet(ChangeSetName);
      const { stack, type, template, parameters, tags } = changeSet;
      if (changeSet.execution !== "AVAILABLE" || stack.running !== undefined) {
        throw awsError("InvalidChangeSetStatusException", `ChangeSet [${changeSet.id}] cannot be executed`);
      }
      const operation = type === "CREATE" ? "create" : "update";
      const wayOut = memory.courses[operation]?.[0]?.end ?? wellEnded[operation];
      changeSet.execution = "EXECUTE_IN_PROGRESS";
      begin(stack, operation, ClientRequestToken);
      // A stack that fails to come into being has its template all the same; a failed update leaves what was.
      if (type === "CREATE" || wayOut === wellEnded.update) Object.assign(stack, { template, parameters, tags });
      return {};
    },
    deleteStack({ StackName, ClientRequestToken }) {
      const stack = find(StackName);
      if (stack.isProtected)
        throw awsError(
          "ValidationError",
          `Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`,
        );
      // A deletion that is under way, or over, is not begun again.
      if (/^DELETE_(IN_PROGRESS|COMPLETE)$/.test(stack.status)) return {};
      if (stack.status === "REVIEW_IN_PROGRESS") stack.status = "DELETE_COMPLETE";
      else begin(stack, "delete", ClientRequestToken);
      return {};
    },
    continueUpdateRollback({ StackName, ClientRequestToken }) {
      const stack = find(StackName);
      if (stack.status !== "UPDATE_ROLLBACK_FAILED") throw awsError("ValidationError", `is in ${stack.status} state`);
      begin(stack, "continue", ClientRequestToken);
      return {};
    },
    rollbackStack({ StackName, ClientRequestToken }) {
      begin(find(StackName), "rollback", ClientRequestToken);
      return {};
    },
    updateTerminationProtection({ StackName, EnableTerminationProtection }) {
      find(StackName).isProtected = EnableTerminationProtection;
      return {};
    },
  };

  memory.client = new Proxy({} as CloudFormation, {
    get: (_target, name) => {
      // A promise is asked for this, when it is resolved with the client.
      if (name === "then") return undefined;
      const method = String(name);
      return async (input: Record<string, string>, options?: { readonly abortSignal?: AbortSignal }) => {
        options?.abortSignal?.throwIfAborted();
        advance();
        memory.onCall?.(method);
        memory.inputs[method] = input;
        if (!/^(describe|get|list)/.test(method)) memory.calls.push(method);
        const fault = memory.faults[method]?.shift();
        if (fault !== undefined && fault.after === undefined) throw fault.error;
        const answer = known[method] ?? memory.answers[method];
        if (answer === undefined) throw new Error(`this CloudFormation does not know ${method}`);
        const given = answer(input);
        if (fault !== undefined) throw fault.error;
        return given;
      };
    },
  });
  return memory;
}
