import { createAwsClients } from "#lib/aws/create-clients.ts";
import { prepareBase } from "#lib/aws/credentials/base.ts";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import { describePlaceholder } from "#lib/aws/fleet/placeholder.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { trustReader } from "#lib/aws/iam/role-trust.ts";
import { userArnOf } from "#lib/aws/iam/user-arn.ts";
import { elsewhereIn, listOwned } from "#lib/aws/inventory.ts";
import { awsGraph } from "#lib/aws/resources.ts";
import { awsTargets } from "#lib/aws/targets.ts";
import { whoami } from "#lib/aws/whoami.ts";
import { withClients } from "#lib/aws/world.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

/** AWS of one fleet. No client is loaded before the first call. */
export function openAws({
  fleet,
  environment,
  clock,
  fleetFile,
  askMfaCode,
}: ProviderContext): OpenProvider<EksCluster> {
  const { variables } = environment;
  const endpoint = awsEndpointOf(variables);
  // No prompt is possible while the tree is drawn: signIn has prompted before.
  const clients = createAwsClients(fleet, variables, { clock });
  const findElsewhere = elsewhereIn(fleet);
  const asking = () => createAwsClients(fleet, variables, { clock, askMfaCode });
  return {
    placeholder: (cluster) => (endpoint === undefined ? describePlaceholder(fleet, cluster) : undefined),
    targets: (of, accounts) => awsTargets(of, fleet, accounts, asking()),
    graph(targets) {
      const management = fleet.accounts.find(
        (account): account is AwsAccount => account.provider === "aws" && account.role === "management",
      );
      const zones = fleet.zones.find(({ provider }) => provider === "aws");
      // Only a fleet without clusters in AWS may lack them.
      if (management === undefined || zones === undefined) return { accounts: [], cluster: refuse };
      const settings = { userArn: userArnOf(variables), targets, ...(fleetFile === undefined ? {} : { fleetFile }) };
      return awsGraph({ fleet, settings, management, zones, withClients: withClients(clients) });
    },
    inventory: (world) => listOwned({ ...world, aws: asking() }, fleet),
    findElsewhere: (world, cluster) => findElsewhere({ ...world, aws: clients }, cluster),
    signIn: () => prepareBase({ variables, askMfaCode, ...(endpoint === undefined ? {} : { endpoint }) }),
    whoami: () => whoami(variables, fleet, trustReader(asking()), askMfaCode),
  };
}

function refuse({ name }: EksCluster): never {
  throw new Error(`${name} has no management account`);
}
