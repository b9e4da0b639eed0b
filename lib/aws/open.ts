import { createAwsClients } from "#lib/aws/create-clients.ts";
import { prepareBase } from "#lib/aws/credentials/base.ts";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import { isPlaceholder } from "#lib/aws/fleet/placeholder.ts";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { trustReader } from "#lib/aws/iam/role-trust.ts";
import { userArnOf } from "#lib/aws/iam/user-arn.ts";
import { elsewhereIn, listOwned } from "#lib/aws/inventory.ts";
import { awsGraph } from "#lib/aws/resources.ts";
import { awsTargets } from "#lib/aws/targets.ts";
import { whoami } from "#lib/aws/whoami.ts";
import { emptyGraph } from "#lib/cloud/account-graph.ts";
import { bindWorld } from "#lib/cloud/bind-world.ts";
import { findParts } from "#lib/cloud/parts.ts";
import { describePlaceholder } from "#lib/cloud/placeholder.ts";
import type { OpenProvider, ProviderContext } from "#lib/provider.ts";

const placeholders = { provider: "aws", isPlaceholder, what: "the account id" } as const;

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
  const graph = (targets: readonly string[]) => {
    const settings = { userArn: userArnOf(variables), targets, fleetFile };
    const parts = findParts("aws", fleet, settings, bindWorld({ aws: clients }));
    return parts === undefined ? emptyGraph("aws") : awsGraph(parts);
  };
  return {
    placeholder: (cluster) => (endpoint === undefined ? describePlaceholder(placeholders, fleet, cluster) : undefined),
    targets: (of, accounts) => awsTargets(of, graph([]), fleet, accounts, asking()),
    graph,
    inventory: (world) => listOwned({ ...world, aws: asking() }, fleet),
    findElsewhere: (world, cluster) => findElsewhere({ ...world, aws: clients }, cluster),
    signIn: () => prepareBase({ variables, askMfaCode, ...(endpoint === undefined ? {} : { endpoint }) }),
    whoami: () => whoami(variables, fleet, trustReader(asking()), askMfaCode),
  };
}
