import { describe, expect, test } from "bun:test";
import { k3sNode, kindNode } from "#clusters/images.ts";
import { fleetLabel, renderK3dConfig, renderKindConfig } from "#lib/local/config.ts";
import { k3d, kind } from "#tests/fixtures/fleets/base.ts";

const labels = { [fleetLabel]: "mylabs.dev" };
const ranges = { podCidr: "10.64.0.0/16", serviceCidr: "10.65.0.0/16" };

describe("kind", () => {
  test("one control plane and one worker on a fixed port of this computer", () => {
    expect(Bun.YAML.parse(renderKindConfig(kind, "mylabs.dev"))).toEqual({
      kind: "Cluster",
      apiVersion: "kind.x-k8s.io/v1alpha4",
      name: "kind01.internal",
      networking: { apiServerAddress: "127.0.0.1", apiServerPort: 6551 },
      nodes: [
        { role: "control-plane", image: kindNode, labels },
        { role: "worker", image: kindNode, labels },
      ],
    });
  });

  test("ranges are written only when set", () => {
    expect(Bun.YAML.parse(renderKindConfig({ ...kind, ...ranges }, "mylabs.dev"))).toMatchObject({
      networking: { podSubnet: "10.64.0.0/16", serviceSubnet: "10.65.0.0/16" },
    });
  });

  test("the image of the call wins over the cluster's, and that over the pin", () => {
    const own = { ...kind, image: "x:v1", workers: 0 };
    expect(Bun.YAML.parse(renderKindConfig(own, "d"))).toMatchObject({ nodes: [{ image: "x:v1" }] });
    expect(Bun.YAML.parse(renderKindConfig(own, "d", "y:v2"))).toMatchObject({ nodes: [{ image: "y:v2" }] });
  });
});

describe("k3d", () => {
  test("one server and one agent on a fixed port of this computer", () => {
    expect(Bun.YAML.parse(renderK3dConfig(k3d, "mylabs.dev"))).toEqual({
      apiVersion: "k3d.io/v1alpha5",
      kind: "Simple",
      metadata: { name: "k3d01.internal" },
      servers: 1,
      agents: 1,
      image: k3sNode,
      // text, as k3d's schema has it
      kubeAPI: { host: "127.0.0.1", hostIP: "127.0.0.1", hostPort: "6561" },
      options: {
        k3d: { wait: true },
        kubeconfig: { updateDefaultKubeconfig: false, switchCurrentContext: false },
        k3s: {
          extraArgs: ["traefik", "local-storage", "metrics-server"].map((part) => ({
            arg: `--disable=${part}`,
            nodeFilters: ["server:*"],
          })),
          nodeLabels: [{ label: `${fleetLabel}=mylabs.dev`, nodeFilters: ["server:*", "agent:*"] }],
        },
        runtime: { labels: [{ label: `${fleetLabel}=mylabs.dev`, nodeFilters: ["all"] }] },
      },
    });
  });

  test("ranges are arguments of the server", () => {
    expect(Bun.YAML.parse(renderK3dConfig({ ...k3d, ...ranges }, "d"))).toMatchObject({
      options: {
        k3s: {
          extraArgs: expect.arrayContaining([
            { arg: "--cluster-cidr=10.64.0.0/16", nodeFilters: ["server:*"] },
            { arg: "--service-cidr=10.65.0.0/16", nodeFilters: ["server:*"] },
          ]),
        },
      },
    });
  });

  test("without agents no filter names them", () => {
    expect(renderK3dConfig({ ...k3d, workers: 0 }, "d")).not.toContain("agent:*");
  });
});

test("the head says where the file comes from and how to use it without this project", () => {
  expect(renderKindConfig(kind, "d").split("\n").slice(0, 2)).toEqual([
    "# Written by `bun run generate` from clusters/kind.ts: change it there.",
    "# Works with the bare program too: kind create cluster --config kind/kind01.internal.yaml",
  ]);
  expect(renderK3dConfig(k3d, "d")).toContain("k3d cluster create --config k3d/k3d01.internal.yaml\n");
});
