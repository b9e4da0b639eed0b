import type { CloudFormation } from "@aws-sdk/client-cloudformation";
import type { AwsClients } from "#lib/aws/clients.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { type Clock, systemClock } from "#lib/clock.ts";
import { cautious, type WorldOptions } from "#lib/graph/world.ts";

export interface StackWorld {
  readonly world: AwsWorld;
  /** Progress, in order. */
  readonly said: string[];
  /** Lines for the log. */
  readonly written: string[];
}

export interface StackWorldOptions extends Partial<WorldOptions> {
  readonly cloudFormation: CloudFormation;
  /** Folder that templates are read from. */
  readonly root: string;
  /** @default real time */
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** A world in which there is CloudFormation, and nothing else. */
export function stackWorld({ cloudFormation, root, clock, signal, ...options }: StackWorldOptions): StackWorld {
  const said: string[] = [];
  const written: string[] = [];
  const refuse = (): never => {
    throw new Error("a stack needs no more than CloudFormation");
  };
  const aws: AwsClients = {
    session: refuse,
    findAdministrator: refuse,
    rolesChanged: ({ name }) => void said.push(`roles of ${name} changed`),
    cloudFormation: async () => cloudFormation,
    route53: refuse,
    iam: refuse,
    eks: refuse,
  };
  const world: AwsWorld = {
    exec: refuse,
    variables: {},
    clock: clock ?? systemClock,
    paths: {
      root,
      kubeconfigs: "/nowhere",
      runs: "/nowhere",
      locks: "/nowhere",
      cache: "/nowhere",
      unfinished: "/nowhere",
    },
    kubernetes: refuse,
    aws,
    dns: { serversOf: refuse, addressesOf: refuse },
    download: refuse,
    locks: { hold: (_name, _waiting, work) => work() },
    signal: signal ?? new AbortController().signal,
    progress: (message) => void said.push(message),
    output: (line) => void written.push(line),
    options: { ...cautious, ...options },
  };
  return { world, said, written };
}
