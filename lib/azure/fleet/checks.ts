import { azureRegions } from "#lib/azure/fleet/regions.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { malformedAccountId } from "#lib/fleet/checks/accounts.ts";
import { checkPublicAccess } from "#lib/fleet/checks/public-access.ts";
import { tryParseCidr } from "#lib/fleet/cidr.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { formatGuess } from "#lib/nearest.ts";

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What `az account show` calls them. */
const azName = { subscriptionId: "id", tenantId: "tenantId" } as const;

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerservice */
const longestName = 63;
/** https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges#limitations */
const mostPublicRanges = 200;
/** https://learn.microsoft.com/azure/aks/configure-azure-cni: smaller than /12. */
const widestServices = 13;
/** A slip of the finger must not cost a fortune. */
const mostNodes = 100;
/** https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations */
const mostSubjects = 20;

export function checkAzure(fleet: Fleet): readonly Fault[] {
  const accounts = fleet.accounts.filter((account) => account.provider === "azure");
  const clusters = fleet.clusters.filter((cluster) => cluster.provider === "azure");
  return [
    ...accounts.flatMap((account) => [...checkIds(account), ...checkRegion(account)]),
    ...checkTenants(accounts),
    ...(accounts.length === 0 ? [] : checkSubjects(fleet)),
    ...clusters.flatMap((cluster) => [
      ...checkName(cluster),
      ...checkPublicAccess(cluster, { product: "AKS", mostRanges: mostPublicRanges }),
      ...checkServiceRange(cluster),
      ...checkNodes(cluster),
    ]),
  ];
}

function checkIds(account: AzureAccount): readonly Fault[] {
  const ids = (["subscriptionId", "tenantId"] as const)
    .filter((field) => !uuid.test(account[field]))
    .map((field) =>
      malformedAccountId(
        account,
        field,
        account[field],
        `use the UUID that \`az account show\` shows as ${azName[field]}`,
      ),
    );
  const { operators } = account;
  if (operators === undefined || uuid.test(operators)) return ids;
  const hint = "use the UUID that `az ad group show --group NAME --query id` shows";
  return [...ids, malformedAccountId(account, "operators", operators, hint)];
}

function checkRegion({ name, provider, region }: AzureAccount): readonly Fault[] {
  if (region === undefined || azureRegions.includes(region)) return [];
  return [
    {
      code: "UnknownRegion",
      where: `account ${name}`,
      message: `unknown region "${region}" of azure`,
      hint: `${formatGuess(region, azureRegions)}all are in lib/azure/fleet/regions.ts`,
      provider,
    },
  ];
}

/** A managed identity can act only in its own tenant. */
function checkTenants(accounts: readonly AzureAccount[]): readonly Fault[] {
  const management = accounts.find(({ role }) => role === "management");
  if (management === undefined) return [];
  return accounts
    .filter(({ tenantId }) => tenantId.toLowerCase() !== management.tenantId.toLowerCase())
    .map(({ name, provider, tenantId }) => ({
      code: "SeveralTenants",
      where: `account ${name}`,
      message: `tenant ${tenantId} isn't that of ${management.name}, and its identities can't act there`,
      hint: "move the account to a fleet of its own, with a management account in its tenant",
      provider,
    }));
}

function checkSubjects({ github }: Fleet): readonly Fault[] {
  if (github === undefined) return [];
  return (
    [
      ["claims", subjectsOf(github)],
      ["readClaims", readSubjectsOf(github)],
    ] as const
  )
    .filter(([, subjects]) => subjects.length > mostSubjects)
    .map(([field, { length }]) => ({
      code: "MalformedGitHub",
      where: "github",
      message: `${field} needs ${length} federated credentials, an identity of Azure takes ${mostSubjects}`,
      hint: "name fewer: one environment can stand for several branches",
    }));
}

function at({ name, provider }: AksCluster): Pick<Fault, "where" | "provider"> {
  return { where: `cluster ${name}`, provider };
}

function checkName(cluster: AksCluster): readonly Fault[] {
  const { length } = taskSuffix(cluster);
  if (length <= longestName) return [];
  const message = `name is ${length} characters long, AKS takes ${longestName}`;
  return [{ code: "NameTooLong", ...at(cluster), message, hint: `shorten it by ${length - longestName} characters` }];
}

function checkServiceRange(cluster: AksCluster): readonly Fault[] {
  const { serviceCidr } = cluster;
  const range = serviceCidr === undefined ? undefined : tryParseCidr(serviceCidr);
  if (range === undefined || range.prefix >= widestServices) return [];
  const message = `invalid serviceCidr "${serviceCidr}": AKS takes /${widestServices} to /24`;
  return [{ code: "InvalidCidr", ...at(cluster), message, hint: 'write a range such as serviceCidr: "10.0.0.0/16"' }];
}

function checkNodes(cluster: AksCluster): readonly Fault[] {
  const { systemNodes: nodes, mode } = cluster;
  if (nodes === undefined) return [];
  const fault = (message: string, hint: string): Fault => ({ code: "MalformedNodes", ...at(cluster), message, hint });
  const example = 'write systemNodes: { vmSize: "Standard_D4ds_v5", count: 2 }';
  if (mode === "automatic") {
    return [
      fault(
        "systemNodes are given, and AKS Automatic chooses its own",
        'leave systemNodes out, or write mode: "standard"',
      ),
    ];
  }
  if (!/^Standard_[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*$/.test(nodes.vmSize)) {
    return [fault(`malformed VM size "${nodes.vmSize}"`, example)];
  }
  if (Number.isInteger(nodes.count) && nodes.count >= 1 && nodes.count <= mostNodes) return [];
  return [fault(`a count of ${nodes.count} nodes isn't 1 to ${mostNodes}`, example)];
}
