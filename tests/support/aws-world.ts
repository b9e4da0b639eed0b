import type { IAM } from "@aws-sdk/client-iam";
import type { Route53 } from "@aws-sdk/client-route-53";
import type { AwsClients } from "#lib/aws/clients.ts";
import { awsGraph } from "#lib/aws/resources.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import type { Clock } from "#lib/clock.ts";
import { findParts } from "#lib/cloud/parts.ts";
import type { DnsRoot } from "#lib/dns/directory.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { createOutputs, type OutputStore } from "#lib/graph/outputs.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { cautious, type WorldOptions } from "#lib/graph/world.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

export interface TestWorld {
  readonly world: AwsWorld;
  readonly outputs: OutputStore;
  /** Progress, in order. */
  readonly said: string[];
}

export interface AwsWorldOptions extends Partial<WorldOptions> {
  /** By account and way in: `aws-01 clusters`. Another one is refused. */
  readonly route53?: (who: string) => Route53;
  readonly iam?: (who: string) => IAM;
  /** @default there is no DNS */
  readonly dns?: DnsRoot;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Accounts of which nobody is an administrator here. */
  readonly withoutAdministrator?: readonly string[];
  /** @default aws */
  readonly partition?: string;
}

/** A world with Route 53, IAM and DNS, as far as a test gives them, and nothing else. */
export function awsWorld(options: AwsWorldOptions = {}): TestWorld {
  const { route53, iam, dns, clock, signal, withoutAdministrator = [], partition = "aws", ...flags } = options;
  const said: string[] = [];
  const refuse = (): never => {
    throw new Error("this test has no such thing");
  };
  const sessionOf = (account: string, as: string) => ({
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
    identity: { account, arn: `arn:${partition}:iam::${account}:user/${as}` },
  });
  const aws: AwsClients = {
    session: async ({ account, as }) => sessionOf(account.accountId, as),
    findAdministrator: async ({ name, accountId }) =>
      withoutAdministrator.includes(name) ? undefined : sessionOf(accountId, "owner"),
    rolesChanged: refuse,
    cloudFormation: refuse,
    route53: async ({ account, as }) => (route53 ?? refuse)(`${account.name} ${as}`),
    eks: refuse,
    iam: async ({ account, as }) => (iam ?? refuse)(`${account.name} ${as}`),
  };
  const world: AwsWorld = {
    exec: refuse,
    variables: {},
    clock: clock ?? virtualClock(),
    paths: {
      root: "/nowhere",
      kubeconfigs: "/nowhere",
      runs: "/nowhere",
      locks: "/nowhere",
      cache: "/nowhere",
      unfinished: "/nowhere",
    },
    kubernetes: refuse,
    aws,
    dns: dns ?? { serversOf: refuse, addressesOf: refuse },
    download: refuse,
    locks: { hold: (_name, _waiting, work) => work() },
    signal: signal ?? new AbortController().signal,
    progress: (message) => void said.push(message),
    output: () => undefined,
    options: { ...cautious, ...flags },
  };
  return { world, outputs: createOutputs(), said };
}

/** A resource as others see it that need it. The test's world has the clients that it calls. */
export function bound<State>(resource: Resource<State, AwsWorld>): Resource<State> {
  return resource as unknown as Resource<State>;
}

/** What the accounts of a fleet share, for the test's world. */
export function awsGraphOf(fleet: Fleet) {
  const parts = findParts("aws", fleet, { userArn: undefined, targets: [] }, bound);
  if (parts === undefined) throw new Error("the fleet has no management account");
  return awsGraph(parts);
}

/** Runs work with a signal that is aborted as soon as something is said that matches. */
export function abortOn(controller: AbortController, pattern: RegExp, world: AwsWorld): AwsWorld {
  return {
    ...world,
    progress(message) {
      world.progress(message);
      if (pattern.test(message)) controller.abort(new Error("interrupted"));
    },
  };
}
