import { afterEach, beforeEach, expect, test } from "bun:test";
import { createAzureClients } from "#lib/azure/create-clients.ts";
import { whoami } from "#lib/azure/whoami.ts";
import { systemClock } from "#lib/clock.ts";
import {
  type AzureServer,
  account,
  azureFault,
  clientId,
  openAzureServer,
  tenantId,
} from "#tests/support/azure-server.ts";

let server: AzureServer;
beforeEach(async () => {
  server = await openAzureServer();
});
afterEach(async () => await server.close());

const management = {
  ...account,
  name: "az-mgmt",
  role: "management",
  subscriptionId: "bbbbbbbb-1111-2222-3333-444444444444",
} as const;
const disabled = { ...account, name: "az-02", subscriptionId: "cccccccc-1111-2222-3333-444444444444" } as const;
const look = async () => {
  const hops = await whoami(
    { accounts: [account, management, disabled] },
    createAzureClients({}, server.variables),
    systemClock,
  );
  return hops.map(({ name, account: id, result }) => [name, id, result.kind === "ok" ? result.identity : result.code]);
};

test("shows who calls, and which subscriptions are the fleet's", async () => {
  server.arm = (_, { pathname }) => {
    if (pathname.includes(management.subscriptionId))
      return azureFault(404, "SubscriptionNotFound", "The subscription could not be found.");
    const state = pathname.includes(disabled.subscriptionId) ? "Disabled" : "Enabled";
    return Response.json({ subscriptionId: pathname.split("/")[2], tenantId, state });
  };
  expect(await look()).toEqual([
    ["base", tenantId, `app ${clientId}`],
    ["az-01", account.subscriptionId, "object object"],
    ["az-mgmt", management.subscriptionId, "WrongAccount"],
    ["az-02", disabled.subscriptionId, "SubscriptionDisabled"],
  ]);
  expect(server.asked.every((line) => line.startsWith("token ") || line.startsWith("GET "))).toBe(true);
});

test("goes no further without credentials, and has nothing to show for a fleet without Azure", async () => {
  server.entra = () =>
    Response.json(
      { error: "invalid_client", error_description: "AADSTS7000215: Invalid client secret provided." },
      { status: 401 },
    );
  expect(await look()).toEqual([["base", tenantId, "SignInRefused"]]);
  expect(await whoami({ accounts: [] }, createAzureClients({}, server.variables), systemClock)).toEqual([]);
});
