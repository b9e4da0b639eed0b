import type { AwsActor } from "#lib/aws/clients.ts";
import { ask } from "#lib/aws/explain.ts";
import type { World } from "#lib/graph/world.ts";

/** Call options in addition to the input: the call ends with the run. */
export interface CallOptions {
  readonly abortSignal: AbortSignal;
}

/**
 * Makes one call of a client, and explains its failure.
 *
 * @param what what for, as a gerund: `reading the zone k01.k8s.aws.mylabs.dev`
 */
export type ClientCalls<Client> = <Answer>(
  what: string,
  call: (client: Client, options: CallOptions) => Promise<Answer>,
) => Promise<Answer>;

/** Calls in the name of an actor, all with the signal of the run. */
export function clientCalls<Client>(
  world: Pick<World, "clock" | "signal" | "progress">,
  actor: AwsActor,
  client: Client,
): ClientCalls<Client> {
  const account = actor.account.name;
  return (what, call) => ask({ account, what, world }, () => call(client, { abortSignal: world.signal }));
}
