import type { AwsActor, AwsClients } from "#lib/aws/clients.ts";
import { type AwsChain, type AwsChainOptions, awsChain } from "#lib/aws/credentials/chain.ts";
import { type AwsClientSettings, type AwsReach, awsClientSettings } from "#lib/aws/credentials/client-settings.ts";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import type { AwsSession } from "#lib/aws/credentials/sts.ts";
import { ask, isSessionRefused, isUnsettled } from "#lib/aws/explain.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** Route 53 and IAM have no regions; their calls are signed for this one. */
const globalRegion = "us-east-1";

/** Clients of a fleet's accounts, one per actor and region. The SDK is loaded on first use. */
export function createAwsClients(
  fleet: Fleet,
  variables: Readonly<Record<string, string>>,
  options: Pick<AwsChainOptions, "clock" | "allowRoot" | "askMfaCode"> = {},
): AwsClients {
  let chain: AwsChain | undefined;
  const reach = (): AwsReach => {
    const endpoint = awsEndpointOf(variables);
    return { variables, ...(endpoint === undefined ? {} : { endpoint }) };
  };
  const open = (): AwsChain => {
    chain ??= awsChain({ fleet, ...reach(), ...options });
    return chain;
  };
  const clients = new Map<string, unknown>();
  const owners = new Map<string, Promise<boolean>>();

  /** Who is of the account, and may do something in it beside going on to its roles. */
  async function findAdministrator(account: AwsAccount): Promise<AwsSession | undefined> {
    const found = await open().findAdministrator(account);
    if (found === undefined) return undefined;
    const asked = owners.get(account.name) ?? mayListStacks(account.name, found);
    owners.set(account.name, asked);
    return (await asked) ? found : undefined;
  }

  /** Administrators may list stacks; identities that may only assume roles may not. */
  async function mayListStacks(account: string, { credentials }: AwsSession): Promise<boolean> {
    const { CloudFormation } = await import("@aws-sdk/client-cloudformation");
    const probe = new CloudFormation({ region: globalRegion, credentials, ...(await awsClientSettings(reach())) });
    try {
      await ask({ account, what: "asking whether an administrator calls" }, () => probe.listStacks({}));
      return true;
    } catch (error) {
      if (error instanceof FleetError && error.code === "AwsDenied") return false;
      throw error;
    } finally {
      probe.destroy();
    }
  }

  async function session({ account, as, otherwise, atOnce }: AwsActor): Promise<AwsSession> {
    switch (as) {
      case "management":
        return await open().management();
      case "clusters":
        return await open().clusters(account, atOnce);
      case "administrator": {
        const found = await findAdministrator(account);
        if (found !== undefined) return found;
        if (otherwise !== undefined) return await session({ account, as: otherwise });
        throw new FleetError(
          "CredentialsMissing",
          `${account.name}: no administrator credentials for ${account.accountId}`,
          {
            hint: `log in to ${account.name}, or give it a profile of that name in ~/.aws/config`,
          },
        );
      }
      default:
        return as satisfies never;
    }
  }

  /** A client that proves again whose it is whenever its credentials are renewed. */
  async function client<Client extends Stacked>(
    service: string,
    actor: AwsActor,
    region: string,
    load: () => Promise<new (settings: ClientSettings) => Client>,
  ): Promise<Client> {
    const [Constructor, settings] = await Promise.all([load(), awsClientSettings(reach()), session(actor)]);
    const key = `${service} ${actor.account.name} ${actor.as} ${region}${actor.atOnce === true ? " at once" : ""}`;
    const known = clients.get(key) as Client | undefined;
    if (known !== undefined) return known;
    let last: AwsSession | undefined;
    const made = new Constructor({
      region,
      credentials: async () => {
        last = await session(actor);
        // The chain decides about renewal and knows rejected sessions, so the client must not cache credentials.
        return { ...last.credentials, expiration: new Date(0) };
      },
      ...settings,
    });
    made.middlewareStack.add(
      (next) => async (args) => {
        try {
          return await next(args);
        } catch (error) {
          if (!isSessionRefused(error) || last === undefined) throw error;
          // Safe to retry: the session is rejected before anything else is evaluated.
          open().forget(last);
          return await next(args);
        }
      },
      { name: "renewSession", step: "initialize", priority: "high" },
    );
    // Administrators are people: their permissions don't depend on our roles.
    if (actor.as !== "administrator" && actor.atOnce !== true) {
      made.middlewareStack.add((next) => (args) => open().untilSettled(actor.account, isUnsettled, () => next(args)), {
        name: "untilSettled",
        step: "initialize",
        priority: "high",
      });
    }
    clients.set(key, made);
    return made;
  }

  return {
    session,
    findAdministrator,
    rolesChanged: (account) => open().rolesChanged(account),
    cloudFormation: (actor, region) =>
      client(
        "cloudformation",
        actor,
        region,
        async () => (await import("@aws-sdk/client-cloudformation")).CloudFormation,
      ),
    route53: (actor) =>
      client("route53", actor, globalRegion, async () => (await import("@aws-sdk/client-route-53")).Route53),
    eks: (actor, region) => client("eks", actor, region, async () => (await import("@aws-sdk/client-eks")).EKS),
    iam: (actor) => client("iam", actor, globalRegion, async () => (await import("@aws-sdk/client-iam")).IAM),
  };
}

/** Middleware of all clients. */
interface Stacked {
  readonly middlewareStack: {
    add(
      middleware: <Asked, Answer>(next: (asked: Asked) => Promise<Answer>) => (asked: Asked) => Promise<Answer>,
      options: { readonly name: string; readonly step: "initialize"; readonly priority: "high" },
    ): void;
  };
}

interface ClientSettings extends AwsClientSettings {
  readonly region: string;
  readonly credentials: () => Promise<AwsSession["credentials"]>;
}
