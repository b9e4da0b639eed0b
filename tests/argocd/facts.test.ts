import { describe, expect, test } from "bun:test";
import { clusterFacts } from "#lib/argocd/facts.ts";
import { accountId, kubernetesOf } from "#lib/fleet/provider.ts";
import type { Cluster } from "#lib/fleet/types.ts";
import { builtInProviders } from "#lib/providers.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";

const source = { repository: "https://github.com/example/fleet", revision: "main", path: "argocd/apps" };

function subjectOf(cluster: Cluster) {
  const account = fleet.accounts.find(({ name }) => "account" in cluster && name === cluster.account);
  return {
    cluster,
    accountId: account === undefined ? "" : accountId(account, builtInProviders),
    kubernetes: kubernetesOf(cluster, builtInProviders),
  };
}

function facts(name: string): ReturnType<typeof clusterFacts> {
  const cluster = fleet.clusters.find((one) => one.name === name);
  if (cluster === undefined) throw new Error(`no ${name}`);
  return clusterFacts(fleet, subjectOf(cluster), source);
}

describe("facts", () => {
  test("of a cluster in a cloud", () => {
    expect(facts("k02.k8s.aws.mylabs.dev")).toEqual({
      labels: {
        provider: "aws",
        environment: "dev",
        account: "aws-01",
        region: "eu-central-1",
        enable_argo_cd: "true",
        enable_cert_manager: "true",
        enable_cluster_info: "true",
        enable_external_dns: "true",
        enable_metrics_server: "true",
      },
      annotations: {
        cluster_name: "k02.k8s.aws.mylabs.dev",
        provider: "aws",
        environment: "dev",
        account: "aws-01",
        account_id: "222222222222",
        workload_identity: "",
        region: "eu-central-1",
        zone: "k02.k8s.aws.mylabs.dev",
        parent_zone: "k8s.aws.mylabs.dev",
        domain: "mylabs.dev",
        kubernetes_version: "1.36",
        argocd_variant: "standard",
        gitops_repository: "https://github.com/example/fleet",
        gitops_revision: "main",
        gitops_path: "argocd/apps",
      },
    });
  });

  test("of a cluster on this computer", () => {
    const { labels, annotations } = facts("kind01.internal");
    expect(labels).toEqual({
      provider: "kind",
      environment: "dev",
      enable_cluster_info: "true",
      enable_demo: "true",
    });
    expect(annotations).toMatchObject({ account: "", account_id: "", region: "", zone: "", parent_zone: "" });
  });

  test("have the same annotations everywhere, all of them texts", () => {
    const keys = fleet.clusters.map((cluster) => Object.keys(facts(cluster.name).annotations).join());
    expect(new Set(keys).size).toBe(1);
    for (const cluster of fleet.clusters) {
      for (const value of Object.values(facts(cluster.name).annotations)) expect(value).toBeString();
    }
  });

  test("are labels that Kubernetes takes", () => {
    for (const cluster of fleet.clusters) {
      for (const [key, value] of Object.entries(facts(cluster.name).labels)) {
        expect(key).toMatch(/^[a-z]+(?:_[a-z]+)*$/);
        expect(value).toMatch(/^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/);
      }
    }
  });

  test("name the subscription and the project as the account's id", () => {
    expect(facts("k01.k8s.az.mylabs.dev").annotations.account_id).toBe("22222222-2222-2222-2222-222222222222");
    expect(facts("k01.k8s.gcp.mylabs.dev").annotations.account_id).toBe("example-01");
  });

  test("name the identity that Azure asks a pod for", () => {
    const cluster = fleet.clusters.find(({ name }) => name === "k01.k8s.az.mylabs.dev");
    if (cluster === undefined) throw new Error("no such cluster");
    const workloadIdentity = "0a1b2c3d-0000-4000-8000-00000000000f";
    const { annotations } = clusterFacts(fleet, { ...subjectOf(cluster), workloadIdentity }, source);
    expect(annotations.workload_identity).toBe(workloadIdentity);
  });

  test("follow the entry", () => {
    const cluster: Cluster = {
      provider: "kind",
      name: "kind01.internal",
      apiPort: 6551,
      environment: "prod",
      kubernetes: "1.36",
      argocd: "high-availability",
    };
    expect(clusterFacts(fleet, subjectOf(cluster), source)).toMatchObject({
      labels: { environment: "prod" },
      annotations: { environment: "prod", argocd_variant: "high-availability" },
    });
  });
});
