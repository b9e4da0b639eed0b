import { expect, test } from "bun:test";
import { aksPlugin, aksPluginEnvironment } from "#lib/azure/aks/token-plugin.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import { testAccount } from "#tests/support/azure-world.ts";

const cluster: AksCluster = {
  provider: "azure",
  name: "k01.k8s.az.mylabs.test",
  account: "az-01",
  region: "eastus2",
  publicAccessCidrs: [],
};
const server = "https://k01.hcp.eastus2.azmk8s.io:443";

test("the program of an AKS kubeconfig gets all that must not come from where kubectl is called", () => {
  const place = { bun: "/bun", root: "/project", state: "/state", environment: {} };
  const exec = formatPlugin(aksPlugin({ cluster, account: testAccount, server, fleetFile: "/fleet.yaml" }), place);
  expect([exec.command, ...(exec.args ?? [])]).toEqual([
    "/bun",
    ...["--no-env-file", "--config=/project/bunfig.toml", "--no-install", "run", "/project/tasks/kube-token.ts"],
    ...["--provider", "azure", "--cluster", "k01-k8s-az-mylabs-test", "--server", server, "--account", "az-01"],
    ...["--tenant", testAccount.tenantId, "--fleet", "/fleet.yaml", "--state", "/state"],
  ]);
  expect(exec).not.toHaveProperty("env");
  const { args } = formatPlugin(aksPlugin({ cluster, account: testAccount, server }), place);
  expect(args).not.toContain("--fleet");
});

test("variables are fixed for another cloud than Azure's public one, and never secrets", () => {
  expect(aksPluginEnvironment({ AZURE_CLIENT_ID: "client", AZURE_CLIENT_SECRET: "secret" })).toEqual({});
  const fixed = aksPluginEnvironment({
    ARM_METADATA_HOSTNAME: "127.0.0.1:6580",
    REQUESTS_CA_BUNDLE: "/ca.pem",
    AZURE_CLIENT_ID: "client",
    AZURE_CLIENT_SECRET: "secret",
  });
  expect(fixed).toMatchObject({
    ARM_METADATA_HOSTNAME: "127.0.0.1:6580",
    REQUESTS_CA_BUNDLE: "/ca.pem",
    AZURE_CLIENT_ID: "client",
    AZURE_CONFIG_DIR: "",
    // A secret that the run did not have is not taken from elsewhere.
    AZURE_FEDERATED_TOKEN_FILE: "",
  });
  expect(fixed).not.toHaveProperty("AZURE_CLIENT_SECRET");
});
