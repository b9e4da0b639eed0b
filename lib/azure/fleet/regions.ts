/**
 * Regions as of 2026-11-23: https://learn.microsoft.com/azure/reliability/regions-list. A region that opened since is one more word here.
 */
export const azureRegions: readonly string[] = `
  australiacentral australiacentral2 australiaeast australiasoutheast newzealandnorth
  austriaeast belgiumcentral denmarkeast francecentral francesouth germanynorth germanywestcentral italynorth
  northeurope norwayeast norwaywest polandcentral spaincentral swedencentral swedensouth
  switzerlandnorth switzerlandwest uksouth ukwest westeurope
  brazilsouth brazilsoutheast chilecentral mexicocentral canadacentral canadaeast
  centralus eastus eastus2 northcentralus southcentralus westcentralus westus westus2 westus3
  centralindia southindia westindia jioindiacentral jioindiawest
  eastasia southeastasia indonesiacentral malaysiawest japaneast japanwest koreacentral koreasouth
  israelcentral qatarcentral uaecentral uaenorth southafricanorth southafricawest`
  .trim()
  .split(/\s+/);
