import { AwsFault, type Call, type Service } from "#sandbox/aws/cloud.ts";
import { answerQuery, parseQuery, type QueryInput } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";

/** One action: what it answers, undefined for nothing but a request id. @throws AwsFault */
export type QueryAction = (call: Call, input: QueryInput) => XmlValue | undefined | Promise<XmlValue | undefined>;

export interface QueryServiceOptions {
  readonly name: string;
  /** Of the answers: `https://iam.amazonaws.com/doc/2010-05-08/`, which ends with the API's version. */
  readonly namespace: string;
  /** By their names. */
  readonly actions: Readonly<Record<string, QueryAction>>;
}

/** A service of the query protocol. What it does not know it refuses in AWS's words. */
export function queryService({ name, namespace, actions }: QueryServiceOptions): Service {
  return {
    name,
    async handle(call) {
      const { action, input } = parseQuery(call.body, call.url);
      const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
      if (run === undefined) throw unknownAction(action, namespace);
      return answerQuery(action, namespace, await run(call, input), call.requestId);
    },
  };
}

function unknownAction(action: string, namespace: string): AwsFault {
  if (action === "") return new AwsFault("MissingAction", "The request must contain the parameter Action");
  const version = namespace.replace(/\/$/, "").split("/").at(-1);
  return new AwsFault("InvalidAction", `Could not find operation ${action} for version ${version}`);
}
