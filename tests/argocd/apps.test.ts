import { describe, expect, test } from "bun:test";
import { applicationNames, applicationsOf } from "#lib/fleet/applications.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { projectRoot } from "#lib/paths.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { type RenderedApplication, readApps, renderFleet, sourcesOf } from "../../scripts/manifests/render.ts";

const apps = await readApps(projectRoot);
const sets = [...apps.values()].flat().filter(({ kind }) => kind === "ApplicationSet");
const rendered = await renderFleet(fleet, projectRoot);

function find(cluster: string, name: string): RenderedApplication {
  const found = rendered.find((one) => one.cluster.name === cluster && one.application.metadata.name === name);
  if (found === undefined) throw new Error(`${cluster} has no ${name}`);
  return found;
}

function objectOf(cluster: string, application: string, kind: string): KubernetesObject {
  const object = find(cluster, application).objects.find((one) => one.kind === kind);
  if (object === undefined) throw new Error(`${application} on ${cluster} has no ${kind}`);
  return object;
}

describe("the folder of applications", () => {
  test("has a file for each name, and no other but the project", () => {
    const names = [...apps.keys()].map((path) => path.slice("argocd/apps/".length, -".yaml".length));
    expect(names.sort()).toEqual([...applicationNames, "project"].sort());
  });

  test("has one ApplicationSet per file, called like it, in Argo CD's namespace", () => {
    for (const name of applicationNames) {
      const objects = apps.get(`argocd/apps/${name}.yaml`) ?? [];
      expect(objects.map(({ kind, metadata }) => [kind, metadata.name, metadata.namespace])).toEqual([
        ["ApplicationSet", name, "argocd"],
      ]);
    }
  });

  test("stops at a fact that is missing, everywhere", () => {
    for (const { spec } of sets) {
      expect(spec).toMatchObject({ goTemplate: true, goTemplateOptions: ["missingkey=error"] });
    }
  });

  test("never takes down what others depend on because a list was empty for a moment", () => {
    const keeping = sets
      .filter(({ spec }) => Object(Object(spec).syncPolicy).preserveResourcesOnDeletion === true)
      .map(({ metadata }) => metadata.name);
    expect(keeping.sort()).toEqual(["argo-cd", "cert-manager", "external-dns", "metrics-server"]);
  });
});

describe("every cluster", () => {
  test.each(fleet.clusters.map((cluster) => [cluster.name, cluster] as const))(
    "%s gets what is switched on",
    (name, cluster) => {
      const names = rendered
        .filter((one) => one.cluster.name === name)
        .map(({ application }) => application.metadata.name);
      expect(names.sort()).toEqual([...applicationsOf(fleet, cluster)].sort());
    },
  );

  test("gets nothing with a template left in it, or with a value that isn't there", () => {
    for (const text of rendered.flatMap(({ application, objects }) => textsOf([application, objects]))) {
      expect(text).not.toMatch(/\{\{|\}\}|<no value>|zone\.invalid|undefined/);
    }
  });

  function textsOf(value: unknown): readonly string[] {
    if (typeof value === "string") return [value];
    return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
  }

  test("syncs by itself, tries again without end, and takes the newest commit when it does", () => {
    for (const { application } of rendered) {
      expect(application.spec).toMatchObject({
        project: "platform",
        destination: { server: "https://kubernetes.default.svc" },
        syncPolicy: {
          automated: { selfHeal: true, prune: application.metadata.name !== "argo-cd" },
          retry: { limit: -1, refresh: true },
        },
      });
      expect(Reflect.get(Object(application.spec.syncPolicy), "syncOptions")).toContain("ServerSideApply=true");
    }
  });

  test("takes its own things down with an application only where nothing depends on them", () => {
    for (const { application } of rendered) {
      const harmless = ["cluster-info", "demo"].includes(application.metadata.name);
      expect(application.metadata.finalizers).toEqual(
        harmless ? ["resources-finalizer.argocd.argoproj.io"] : undefined,
      );
    }
  });

  test("gets charts of one exact version", () => {
    const charts = rendered
      .flatMap(({ application }) => sourcesOf(application))
      .filter(({ chart }) => chart !== undefined);
    expect(new Set(charts.map(({ chart }) => chart))).toEqual(
      new Set(["cert-manager", "external-dns", "metrics-server"]),
    );
    for (const { targetRevision } of charts) expect(targetRevision).toMatch(/^v?\d+\.\d+\.\d+$/);
  });

  test("reads files that are there", async () => {
    for (const { application } of rendered) {
      for (const { helm, path } of sourcesOf(application)) {
        const files = (helm?.valueFiles ?? []).map((file) => file.replace("$settings/", ""));
        if (path !== undefined) files.push(`${path}/kustomization.yaml`);
        for (const file of files)
          expect(`${file} ${await Bun.file(`${projectRoot}/${file}`).exists()}`).toBe(`${file} true`);
      }
    }
  });

  test("reads everything in the folder beside that of the applications, wherever that is", async () => {
    if (fleet.gitops === undefined) throw new Error("no gitops");
    const moved = { ...fleet, gitops: { ...fleet.gitops, path: "argocd/cert-manager" } };
    const paths = (await renderFleet(moved, projectRoot)).flatMap(({ application }) =>
      sourcesOf(application).map(({ path }) => path),
    );
    expect(paths).toContain("argocd/demo");
  });
});

describe("the project", () => {
  interface Project {
    readonly destinations: readonly { readonly server: string; readonly namespace: string }[];
    readonly clusterResourceWhitelist: readonly { readonly group: string; readonly kind: string }[];
  }
  const [project] = apps.get("argocd/apps/project.yaml") ?? [];
  const { destinations, clusterResourceWhitelist } = (project?.spec ?? {}) as Project;
  const namespaces = destinations.map(({ namespace }) => namespace);

  test("comes first, and stays until the last", () => {
    expect(project?.metadata).toMatchObject({
      name: "platform",
      annotations: { "argocd.argoproj.io/sync-wave": "-1" },
      finalizers: ["resources-finalizer.argocd.argoproj.io"],
    });
  });

  test("allows each application its namespace, and no further one", () => {
    const used = rendered.map(
      ({ application }) => Reflect.get(Object(application.spec.destination), "namespace") as string,
    );
    expect([...new Set(used)].sort()).toEqual([...namespaces].sort());
  });

  test("allows what the folders hold", () => {
    const kinds = clusterResourceWhitelist.map(({ group, kind }) => `${group}/${kind}`);
    for (const { objects } of rendered) {
      for (const { apiVersion, kind, metadata } of objects) {
        const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
        if (metadata.namespace === undefined) expect(kinds).toContain(`${group}/${kind}`);
        else expect(namespaces).toContain(metadata.namespace);
      }
    }
  });
});

describe("cluster-info", () => {
  test("holds every fact of its cluster, and the switches of nobody", () => {
    const { data } = objectOf("k03.k8s.az.mylabs.dev", "cluster-info", "ConfigMap");
    expect(data).toEqual({
      account: "azure-02",
      account_id: "33333333-3333-3333-3333-333333333333",
      argocd_variant: "standard",
      cluster_name: "k03.k8s.az.mylabs.dev",
      domain: "mylabs.dev",
      environment: "dev",
      gitops_path: "argocd/apps",
      gitops_repository: "https://github.com/ruzickap/k8s-multicluster-gitops",
      gitops_revision: "main",
      kubernetes_version: "1.36",
      parent_zone: "k8s.az.mylabs.dev",
      provider: "azure",
      region: "eastus2",
      workload_identity: "",
      zone: "k03.k8s.az.mylabs.dev",
    });
  });

  test("says empty where there is nothing to say", () => {
    expect(objectOf("k3d01.internal", "cluster-info", "ConfigMap").data).toMatchObject({ account_id: "", zone: "" });
  });
});

describe("demo", () => {
  test("shows the cluster's name", () => {
    const { data } = objectOf("kind02.internal", "demo", "ConfigMap");
    expect(Object(data)["index.html"]).toContain("<h1>kind02.internal</h1>");
  });

  test("is tame enough for a restricted namespace, and has probes, requests and an image of one version", () => {
    const namespace = objectOf("kind01.internal", "demo", "Namespace");
    expect(namespace.metadata.labels?.["pod-security.kubernetes.io/enforce"]).toBe("restricted");
    // A copy, because toMatchObject writes its matchers into what it is given.
    expect(structuredClone(objectOf("kind01.internal", "demo", "Deployment").spec)).toMatchObject({
      template: {
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              image: expect.stringMatching(/^docker\.io\/library\/busybox:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}$/),
              readinessProbe: expect.anything(),
              livenessProbe: expect.anything(),
              resources: { requests: { cpu: expect.anything(), memory: expect.anything() }, limits: expect.anything() },
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
              },
            },
          ],
        },
      },
    });
  });
});

describe("argo-cd", () => {
  test.each(["standard", "high-availability"] as const)(
    "reads the folder that create installs from: %s",
    async (argocd) => {
      const clusters = fleet.clusters.map((cluster) => ({ ...cluster, argocd }));
      const own = (await renderFleet({ ...fleet, clusters }, projectRoot)).find(
        ({ application }) => application.metadata.name === "argo-cd",
      );
      expect(own === undefined ? [] : sourcesOf(own.application)).toMatchObject([
        { path: `argocd/bootstrap/${argocd}` },
      ]);
    },
  );
});

describe("in clouds", () => {
  const issuers = (cluster: string) =>
    find(cluster, "cert-manager").objects.map(({ kind, metadata, spec }) => ({
      kind,
      name: metadata.name,
      solvers: Object(Object(spec).acme).solvers as readonly object[],
    }));

  test.each([
    ["k02.k8s.aws.mylabs.dev", { route53: { region: "eu-central-1" } }],
    [
      "k02.k8s.az.mylabs.dev",
      {
        azureDNS: {
          environment: "AzurePublicCloud",
          subscriptionID: "22222222-2222-2222-2222-222222222222",
          resourceGroupName: "k02.k8s.az.mylabs.dev",
          hostedZoneName: "k02.k8s.az.mylabs.dev",
        },
      },
    ],
    ["k02.k8s.gcp.mylabs.dev", { cloudDNS: { project: "example-01" } }],
  ])("certificates of %s are proved in its own zone", (cluster, dns01) => {
    const solvers = [{ selector: { dnsZones: [cluster] }, dns01 }];
    expect(issuers(cluster)).toEqual([
      { kind: "ClusterIssuer", name: "letsencrypt", solvers },
      { kind: "ClusterIssuer", name: "letsencrypt-staging", solvers },
    ]);
  });

  test.each(["aws", "az", "gcp"])("names of k01.k8s.%s.mylabs.dev are written to its own zone only", (label) => {
    const cluster = `k01.k8s.${label}.mylabs.dev`;
    const [chart] = sourcesOf(find(cluster, "external-dns").application);
    expect(chart?.helm?.valuesObject).toMatchObject({ domainFilters: [cluster], txtOwnerId: cluster, policy: "sync" });
  });
});
