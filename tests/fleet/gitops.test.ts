import { describe, expect, test } from "bun:test";
import { applicationNames, applicationsOf } from "#lib/fleet/applications.ts";
import { formatFault } from "#lib/fleet/fault.ts";
import { folderFault, readRepository, revisionFault } from "#lib/fleet/repository.ts";
import type { ApplicationSwitch, Cluster, ProviderName } from "#lib/fleet/types.ts";
import { base, eks, gitops, k3d, kind, withGitOps, withSwitches } from "#tests/fixtures/fleets/base.ts";
import { fleet as defaultFleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { checkFleet } from "#tests/support/fleet.ts";
import { faultsOf } from "./fixtures.ts";

describe("a repository's address", () => {
  test.each([
    "https://github.com/example/fleet",
    "https://github.com/example/fleet.git",
    "https://git.example.org:8443/a/b/c",
    "ssh://git@git.example.org:2222/fleet.git",
    "git@github.com:example/fleet.git",
    "git.example.org:fleet",
  ])("%s is one", (text) => {
    expect(readRepository(text)).toEqual({ kind: "remote" });
  });

  test.each([
    "/srv/fleet",
    "./fleet",
    "../fleet",
    ".",
    "~/fleet",
    "file:///srv/fleet",
    "C:\\fleet",
    "http://localhost/x",
  ])("%s is on this computer", (text) => {
    expect(readRepository(text)).toEqual({ kind: "local" });
  });

  test.each([
    ["https://me:secret@github.com/example/fleet", "https://github.com/example/fleet"],
    ["https://ghp_secret@github.com/example/fleet", "https://github.com/example/fleet"],
    ["ssh://git:secret@git.example.org/fleet", "ssh://git@git.example.org/fleet"],
    ["http://me:secret@127.0.0.1/fleet", "http://127.0.0.1/fleet"],
  ])("%s has credentials", (text, instead) => {
    expect(readRepository(text)).toEqual({ kind: "with-credentials", instead });
  });

  test.each([
    "",
    "fleet",
    "github.com/example/fleet",
    "https://github.com",
    "https://github.com/",
    "http://git.example.org/fleet",
    "git://git.example.org/fleet",
    "https://github.com/example/fleet?ref=main",
    "https://github.com/example/the fleet",
    "git@github.com:example/fleet\n",
  ])("%p is none", (text) => {
    expect(readRepository(text).kind).toBe("malformed");
  });

  test("with credentials is not repeated in the fault", async () => {
    const faults = await faultsOf("invalid", "repository-with-credentials.ts");
    expect(JSON.stringify(faults)).not.toContain("secret");
  });

  test("on this computer is a fault only where somebody else reads it", () => {
    const clusters = (...all: readonly Cluster[]) => ({ ...withGitOps({ repository: "/srv/fleet" }), clusters: all });
    expect(checkFleet(clusters(kind, k3d))).toEqual([]);
    expect(checkFleet(clusters({ ...eks, argocd: "none" }, kind))).toEqual([]);
    expect(checkFleet(clusters(eks)).map(({ code }) => code)).toEqual(["LocalRepository"]);
  });
});

describe("a revision", () => {
  test.each(["main", "v1.2.3", "feature/x-1", "0123456789abcdef0123456789abcdef01234567", "HEAD"])(
    "%s fits",
    (text) => {
      expect(revisionFault(text)).toBeUndefined();
    },
  );

  test.each([
    "",
    "-x",
    "a b",
    "a..b",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a.lock",
    "a.",
    "a@{1}",
    "a\n",
  ])("%p doesn't", (text) => {
    expect(revisionFault(text)).toBeString();
  });
});

describe("a folder of the repository", () => {
  test.each(["apps", "argocd/apps", "a-b/c_d/e.f"])("%s fits", (text) => {
    expect(folderFault(text)).toBeUndefined();
  });

  test.each(["", "/apps", "..", "a/../b", "../apps", "a/./b", ".", "a//b", "a/", "a\\b", "a b", "a\0b"])(
    "%p doesn't",
    (text) => {
      expect(folderFault(text)).toBeString();
    },
  );
});

describe("messages", () => {
  test("an unknown application offers the nearest, and says what a new one needs", async () => {
    const [fault] = await faultsOf("invalid", "unknown-application.ts");
    if (fault === undefined) throw new Error("no fault");
    expect(formatFault(fault, "clusters/fleet.ts")).toBe(
      'clusters/fleet.ts: application cluster-inf: unknown application "cluster-inf" (UnknownApplication)',
    );
    expect(fault.hint).toStartWith('did you mean "cluster-info"? there are: argo-cd, ');
    expect(fault.hint).toContain("argocd/apps/cluster-inf.yaml");
  });

  test("a place that doesn't exist is told with the nearest", async () => {
    const [cluster] = await faultsOf("invalid", "unknown-cluster.ts");
    expect(cluster?.hint).toStartWith('did you mean "kind01.internal"?');
    const [environment] = await faultsOf("invalid", "unknown-environment.ts");
    expect(environment?.hint).toContain("environments of clusters are dev");
  });

  test("a misspelt key of gitops offers the keys of its place", async () => {
    const [fault] = await faultsOf("invalid", "invalid-shape.unknown-where-key.yaml");
    expect(fault?.where).toBe("gitops.applications[0].on[0]");
    expect(fault?.hint).toBe('did you mean "providers"? keys are providers, environments, clusters');
  });
});

describe("a switch", () => {
  const on = (cluster: Cluster, ...applications: readonly ApplicationSwitch[]) =>
    applicationsOf({ ...base, gitops: { ...gitops, applications } }, cluster);

  test("is on where any of its places fits in all that it says", () => {
    const places = [{ providers: ["kind", "k3d"], environments: ["prod"] }, { clusters: [eks.name] }] as const;
    const demo = { name: "demo", on: places };
    expect(on(kind, demo)).toEqual([]);
    expect(on({ ...kind, environment: "prod" }, demo)).toEqual(["demo"]);
    expect(on(eks, demo)).toEqual(["demo"]);
    expect(on(k3d, demo)).toEqual([]);
  });

  test("is off where off says so, whatever on says", () => {
    const demo = { name: "demo", on: [{}], off: [{ clusters: [kind.name] }, { environments: ["prod"] }] };
    expect([kind, k3d, { ...eks, environment: "prod" }].map((cluster) => on(cluster, demo))).toEqual([
      [],
      ["demo"],
      [],
    ]);
  });

  test("without a place is off everywhere", () => {
    expect(on(kind, { name: "demo", on: [] })).toEqual([]);
  });

  test("says nothing about clusters without Argo CD", () => {
    const fleet = withSwitches({ name: "demo", on: [{}] });
    expect(applicationsOf(fleet, { ...kind, argocd: "none" })).toEqual([]);
    expect(applicationsOf(base, kind)).toEqual([]);
  });
});

describe("the default fleet", () => {
  const byProvider = (provider: ProviderName): readonly string[] => {
    const lists = defaultFleet.clusters
      .filter((cluster) => cluster.provider === provider)
      .map((cluster) => [...applicationsOf(defaultFleet, cluster)].sort());
    expect(new Set(lists.map((list) => list.join(" "))).size).toBe(1);
    return lists[0] ?? [];
  };

  test("gives clusters on this computer only what needs no internet", () => {
    expect(byProvider("kind")).toEqual(["cluster-info", "demo"]);
    expect(byProvider("k3d")).toEqual(["cluster-info", "demo"]);
  });

  test("gives clusters in clouds what a cloud needs", () => {
    const cloud = ["argo-cd", "cert-manager", "cluster-info", "external-dns"];
    expect(byProvider("aws")).toEqual([...cloud, "metrics-server"]);
    expect(byProvider("azure")).toEqual(cloud);
    expect(byProvider("gcp")).toEqual(cloud);
  });

  test("has a switch for every application", () => {
    expect(defaultFleet.gitops?.applications.map(({ name }) => name).sort()).toEqual([...applicationNames].sort());
  });
});
