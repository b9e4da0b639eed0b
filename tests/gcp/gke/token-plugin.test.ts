import { expect, test } from "bun:test";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkePlugin, gkePluginEnvironment } from "#lib/gcp/gke/token-plugin.ts";
import { account, management } from "#tests/support/google-server.ts";

const cluster: GkeCluster = {
  provider: "gcp",
  name: "k01.k8s.gcp.mylabs.test",
  account: "gcp-01",
  region: "us-east1",
};
const server = "https://gke-0123-100000000002.us-east1.gke.goog";

test("the program of a GKE kubeconfig gets all that must not come from where kubectl is called", () => {
  const place = { bun: "/bun", root: "/project", state: "/state", environment: {} };
  const exec = formatPlugin(gkePlugin({ cluster, account, management, server, fleetFile: "/fleet.yaml" }), place);
  expect([exec.command, ...(exec.args ?? [])]).toEqual([
    "/bun",
    ...["--no-env-file", "--config=/project/bunfig.toml", "--no-install", "run", "/project/tasks/kube-token.ts"],
    ...["--provider", "gcp", "--cluster", "k01-k8s-gcp-mylabs-test", "--server", server, "--account", "gcp-01"],
    ...["--service-account", "k8s-multicluster-gitops@mylabs-01.iam.gserviceaccount.com"],
    ...["--management-account", "gcp-mgmt"],
    ...["--management-service-account", "k8s-multicluster-gitops@mylabs-mgmt.iam.gserviceaccount.com"],
    ...["--fleet", "/fleet.yaml", "--state", "/state"],
  ]);
  expect(exec).not.toHaveProperty("env");
});

test("variables are fixed for an emulator, and never secrets", () => {
  expect(gkePluginEnvironment({ GOOGLE_APPLICATION_CREDENTIALS: "/key.json" })).toEqual({});
  const fixed = gkePluginEnvironment({
    CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: "https://127.0.0.1:6580/",
    GOOGLE_APPLICATION_CREDENTIALS: "/person.json",
    ACTIONS_ID_TOKEN_REQUEST_URL: "https://127.0.0.1:1/token",
  });
  expect(fixed).toMatchObject({
    CLOUDSDK_API_ENDPOINT_OVERRIDES_STS: "https://127.0.0.1:6580/",
    GOOGLE_APPLICATION_CREDENTIALS: "/person.json",
    CLOUDSDK_CONFIG: "",
    // A secret that the run did not have is not taken from elsewhere.
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "",
  });
  expect(fixed).not.toHaveProperty("ACTIONS_ID_TOKEN_REQUEST_URL");
});
