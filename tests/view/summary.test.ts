import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FleetEvent } from "#lib/graph/events.ts";
import { taskCommand } from "#lib/printed-command.ts";
import { collectAll } from "#lib/view/collect.ts";
import { widthOf } from "#lib/view/format.ts";
import { formatSummary } from "#lib/view/summary.ts";
import {
  account,
  at,
  cluster,
  docker,
  done,
  finished,
  halfFailedCreate,
  k3d01,
  k3d02,
  kind01,
  kind02,
  portTaken,
  runFinished,
  runStarted,
  started,
  subject,
} from "./fixtures/runs.ts";

function summaryOf(events: readonly FleetEvent[], width = 100, color = false): string {
  return formatSummary(collectAll(events), { width, color });
}

// Commands are written for the way in which the tests were started.
const executable = process.execPath;
beforeAll(() => {
  process.execPath = "/usr/bin/bun";
});
afterAll(() => {
  process.execPath = executable;
});

describe("create", () => {
  test("a half-failed run names each cause once, with its cure and what it stopped", () => {
    expect(summaryOf(halfFailedCreate)).toBe(
      `
cluster            result       changes    argo cd       time
kind01.internal    created      3 made     5 healthy    1m 4s
kind02.internal    failed       –          –               9s
k3d01.internal     unchanged    –          5 healthy       2s
k3d02.internal     blocked      –          –                –

2 ready, 1 failed, 1 blocked · 14 resources: 3 made, 4 unchanged, 2 failed, 5 blocked
1m 5s (critical path 1m 4s)

✘ docker: image
  docker.io/rancher/k3s:v1.36.1-k3s1 can't be pulled: no such host (ImageUnavailable)
  log   clusters/.runs/2026-11-23T10-15-02/docker.log
  stops k3d02.internal (blocked by local/docker/image)

✘ kind02.internal: kind
  port 6443 of 127.0.0.1 is taken by container old-registry (PortTaken)
  why   CONTAINER      PORTS
        old-registry   127.0.0.1:6443->5000/tcp
        the port is set in clusters/kind.ts
  do    docker rm --force old-registry
  log   clusters/.runs/2026-11-23T10-15-02/kind02.internal.log

sandbox   Docker, kind, k3d, the clusters' API servers and Argo CD were emulated; nothing outside of
          the sandbox was touched. It stops after an idle hour, or by bun run tasks/sandbox/stop.ts
log       clusters/.runs/2026-11-23T10-15-02
next      export KUBECONFIG=clusters/.kubeconfigs/kubeconfig_kind01.internal.yml
          mise run status
`.trimStart(),
    );
  });

  test("a narrow terminal loses columns and breaks prose, never names or commands", () => {
    const text = summaryOf(halfFailedCreate, 40);
    expect(text.split("\n").slice(0, 3)).toEqual([
      "cluster          result      time",
      "kind01.internal  created    1m 4s",
      "kind02.internal  failed        9s",
    ]);
    expect(text).toContain("log   clusters/.runs/2026-11-23T10-15-02/kind02.internal.log");
    const wide = text.split("\n").filter((line) => widthOf(line) > 40);
    expect(wide.every((line) => /^(?: {2})?log|^next|^ {6}/.test(line))).toBe(true);
  });

  test("without Argo CD there is no column for it", () => {
    const plans = [{ row: kind01, place: "docker", labels: ["kind"] }];
    const text = summaryOf([runStarted("create", plans), ...done(kind01, "kind", [0, 2], "made"), runFinished(2)]);
    expect(text.split("\n").slice(0, 2)).toEqual([
      "cluster            result     changes    time",
      "kind01.internal    created    1 made       2s",
    ]);
    expect(text).toContain("1 ready · 1 resource: 1 made · 2s\n");
  });

  test("rows that fail for one reason are told once", () => {
    const plans = [kind01, kind02].map((owner) => ({ row: owner, place: "docker", labels: ["kind"] }));
    const failures = [kind01, kind02].flatMap((owner) => done(owner, "kind", [0, 1], "failed", { error: portTaken }));
    const text = summaryOf([runStarted("create", plans), ...failures, runFinished(1)]);
    expect(text.match(/PortTaken/g)).toHaveLength(1);
    expect(text).toContain("✘ kind01.internal: kind\n✘ kind02.internal: kind\n  port 6443");
    expect(text).toContain("kind01.internal.log\n        clusters/.runs/2026-11-23T10-15-02/kind02.internal.log");
  });

  test("a cause outside the run is named by its id", () => {
    const plans = [{ row: kind01, place: "docker", labels: ["kind"] }];
    const blocked = finished(kind01, "kind", [1, 1], "blocked", { cause: "local/docker/network" });
    expect(summaryOf([runStarted("create", plans), blocked])).toContain(
      "⊘ kind01.internal: kind: blocked by local/docker/network",
    );
  });

  test("a stack is shown when there is one", () => {
    const plans = [{ row: kind01, place: "docker", labels: ["kind"] }];
    const error = { code: "Unexpected", message: "x is not a function", stack: "TypeError: x\n    at y (z.ts:1:2)" };
    const text = summaryOf([runStarted("create", plans), ...done(kind01, "kind", [0, 1], "failed", { error })]);
    expect(text).toContain("  stack TypeError: x\n            at y (z.ts:1:2)\n");
  });

  test("clusters that are left out are named with the reason", () => {
    const plans = [{ row: kind01, place: "docker", labels: ["kind"] }];
    const leftOut = ["k01.k8s.aws.mylabs.dev", "k02.k8s.aws.mylabs.dev"].map((name) => ({
      cluster: name,
      why: "this version makes no EKS clusters",
    }));
    const text = summaryOf([runStarted("create", plans, { leftOut }), ...done(kind01, "kind", [0, 1], "made")]);
    expect(text).toEndWith(
      "left out  k01.k8s.aws.mylabs.dev, k02.k8s.aws.mylabs.dev: this version makes no EKS clusters\n",
    );
  });

  test("what only a person can do is told at the end of a create, with records that can be copied", () => {
    const owner = account("aws-mgmt", "aws");
    const plans = [
      { row: kind01, place: "docker", labels: ["kind"] },
      { row: owner, place: "", labels: ["delegation"] },
    ];
    const records = ["ns-1.example.org.", "ns-2.example.org."].map((server) => `aws.mylabs.dev. 300 IN NS ${server}`);
    const summary = `mylabs.dev names no servers for it; have in mylabs.dev, by hand: ${records.join("; ")}`;
    const text = summaryOf([
      runStarted("create", plans),
      ...done(kind01, "kind", [0, 1], "made"),
      ...done(owner, "delegation", [0, 1], "unchanged", { health: { kind: "degraded", summary } }),
    ]);
    expect(text).toEndWith(`to do     aws-mgmt: delegation: mylabs.dev names no servers for it
          have in mylabs.dev, by hand:
          aws.mylabs.dev. 300 IN NS ns-1.example.org.
          aws.mylabs.dev. 300 IN NS ns-2.example.org.
`);
  });

  test("a delete says once what it leaves of an account, and what removes that", () => {
    const owner = account("aws-mgmt", "aws");
    const plans = [
      { row: kind01, place: "docker", labels: ["kind"] },
      { row: owner, place: "", labels: ["role", "provider", "caller"] },
    ];
    const note = `${taskCommand("delete:aws-mgmt")} removes zones and roles`;
    const text = summaryOf([
      runStarted("delete", plans),
      ...done(kind01, "kind", [0, 1], "removed"),
      ...done(owner, "role", [1, 1], "kept", { note }),
      ...done(owner, "provider", [1, 1], "kept", { note }),
      ...done(owner, "caller", [1, 1], "kept", { note: "it isn't ours" }),
    ]);
    expect(text).toEndWith(`kept      aws-mgmt: ${note}\n`);
  });

  test("an interrupted run says what was cancelled, also what never ended", () => {
    const plans = [kind01, kind02].map((owner) => ({ row: owner, place: "docker", labels: ["kind"] }));
    const text = summaryOf([
      runStarted("create", plans),
      ...done(kind01, "kind", [0, 3], "cancelled"),
      started(kind02, "kind", 0),
    ]);
    expect(text).toBe(
      `
cluster            result       changes    time
kind01.internal    cancelled    –            3s
kind02.internal    cancelled    –             –

2 cancelled · 2 resources: 1 cancelled
`.trimStart(),
    );
  });

  test("warnings are repeated once", () => {
    const plans = [{ row: kind01, place: "docker", labels: ["kind"] }];
    const notice = {
      kind: "notice",
      at: at(1),
      level: "warning",
      message: "2 clusters at once: memory is short",
    } as const;
    const text = summaryOf([runStarted("create", plans), notice, notice, ...done(kind01, "kind", [0, 1], "made")]);
    expect(text.match(/warning {3}2 clusters at once: memory is short/g)).toHaveLength(1);
  });

  test("colour adds escape codes and changes no text", () => {
    const colored = summaryOf(halfFailedCreate, 100, true);
    expect(colored).toContain("\u001b[31mfailed\u001b[39m");
    expect(Bun.stripANSI(colored)).toBe(summaryOf(halfFailedCreate));
  });

  test("nothing is said of a run that never started", () => {
    expect(summaryOf([])).toBe("");
  });
});

test("delete counts what was removed, kept and already gone", () => {
  const plans = [
    { row: docker, place: "docker", labels: ["image"] },
    { row: kind01, place: "docker", labels: ["kind", "kubeconfig"] },
    { row: kind02, place: "docker", labels: ["kind", "kubeconfig"] },
    { row: k3d01, place: "docker", labels: ["k3d"] },
  ];
  const text = summaryOf([
    runStarted("delete", plans),
    ...done(kind01, "kubeconfig", [0, 0.1], "removed"),
    ...done(kind01, "kind", [0.1, 3], "removed"),
    ...done(kind02, "kind", [0, 0.2], "unchanged", { note: "already gone" }),
    ...done(kind02, "kubeconfig", [0, 0.2], "unchanged", { note: "already gone" }),
    ...done(k3d01, "k3d", [0, 4], "failed", { error: { code: "ProgramFailed", message: "k3d ended with 1" } }),
    ...done(docker, "image", [3, 3], "kept", { note: "other clusters use it" }),
    runFinished(4, { exitCode: 1, criticalPathMs: 4_000, totals: { removed: 2, unchanged: 2, kept: 1, failed: 1 } }),
  ]);
  expect(text).toBe(
    `
cluster            result          changes      time
kind01.internal    removed         2 removed      3s
kind02.internal    already gone    –            0.2s
k3d01.internal     failed          –              4s

1 removed, 1 already gone, 1 failed · 6 resources: 2 removed, 2 unchanged, 1 kept, 1 failed
4s (critical path 4s)

✘ k3d01.internal: k3d
  k3d ended with 1 (ProgramFailed)
  log   clusters/.runs/2026-11-23T10-15-02/k3d01.internal.log

log       clusters/.runs/2026-11-23T10-15-02
`.trimStart(),
  );
});

test("status says how each cluster is, and of what is wrong only that", () => {
  const plans = [kind01, kind02, k3d01].map((owner) => ({
    row: owner,
    place: "docker",
    labels: ["node", "kubeconfig"],
  }));
  const healthy = (summary: string) => ({ health: { kind: "healthy", summary } }) as const;
  const text = summaryOf([
    runStarted("status", plans),
    ...done(kind01, "node", [0, 0.3], "healthy", healthy("2 of 2 nodes ready")),
    ...done(kind01, "kubeconfig", [0, 0.3], "healthy", healthy("kubeconfig valid")),
    ...done(kind02, "node", [0, 0.3], "degraded", { health: { kind: "degraded", summary: "1 of 2 nodes ready" } }),
    ...done(kind02, "kubeconfig", [0, 0.3], "healthy", healthy("kubeconfig valid")),
    ...done(k3d01, "node", [0, 0.3], "absent"),
    ...done(k3d01, "kubeconfig", [0, 0.3], "absent"),
    runFinished(0.4, { totals: { healthy: 3, degraded: 1, absent: 2 } }),
  ]);
  expect(text).toBe(
    `
cluster            health      state
kind01.internal    healthy     2 of 2 nodes ready · kubeconfig valid
kind02.internal    degraded    node: 1 of 2 nodes ready
k3d01.internal     absent      –

1 healthy, 1 degraded, 1 absent · 6 resources: 3 healthy, 1 degraded, 2 absent · 0.4s

log       clusters/.runs/2026-11-23T10-15-02
`.trimStart(),
  );
});

test("status says how the applications of each cluster are, and which one isn't well", () => {
  const plans = [kind01, kind02, k3d01].map((owner) => ({ row: owner, place: "docker", labels: ["node", "Argo CD"] }));
  const healthy = (summary: string) => ({ health: { kind: "healthy", summary } }) as const;
  const text = summaryOf([
    runStarted("status", plans),
    ...done(kind01, "node", [0, 0.3], "healthy", healthy("2 of 2 nodes ready")),
    ...done(kind01, "Argo CD", [0, 0.3], "healthy", healthy("3 healthy")),
    ...done(kind02, "node", [0, 0.3], "healthy", healthy("2 of 2 nodes ready")),
    ...done(k3d01, "node", [0, 0.3], "absent"),
    ...done(k3d01, "Argo CD", [0, 0.3], "absent"),
    ...done(kind02, "Argo CD", [0, 0.3], "degraded", {
      health: { kind: "degraded", summary: "demo: ComparisonError: there is no demo/missing.yaml" },
    }),
    runFinished(0.4, { totals: { healthy: 3, degraded: 1 } }),
  ]);
  expect(text).toStartWith(
    `
cluster          health    argo cd    state
kind01.internal  healthy   3 healthy  2 of 2 nodes ready
kind02.internal  degraded  degraded   Argo CD: demo: ComparisonError: there is no demo/missing.yaml
k3d01.internal   absent    absent     –
`.trimStart(),
  );
});

describe("the columns of status", () => {
  const k01 = cluster("k01.k8s.aws.mylabs.dev", "aws");
  const zone = "Z0QX15DAZ1YG6NIC7XF2N";
  const file = "clusters/.kubeconfigs/kubeconfig_k01.k8s.aws.mylabs.dev.yml";
  const why =
    "argocd-server: ImagePullBackOff: quay.io/argoproj/argocd:v3.5.7: not found after 3 attempts in 2 minutes";
  const events: readonly FleetEvent[] = [
    runStarted("status", [
      { row: k01, place: "us-east-1", labels: ["zone", "EKS", "kubeconfig"] },
      { row: kind01, place: "docker", labels: ["kind", "bootstrap"] },
    ]),
    ...done(k01, "zone", [0, 1], "healthy", { health: { kind: "healthy", summary: zone } }),
    ...done(k01, "EKS", [0, 1], "healthy", {
      health: { kind: "healthy", summary: "CREATE_COMPLETE", cluster: { kubernetes: "1.36" } },
    }),
    ...done(k01, "kubeconfig", [0, 1], "healthy", {
      health: { kind: "healthy", summary: file, cluster: { nodes: "1 of 3" } },
    }),
    ...done(kind01, "kind", [0, 1], "healthy", {
      health: { kind: "healthy", summary: "https://127.0.0.1:6551", cluster: { kubernetes: "1.36.1", nodes: "2" } },
    }),
    ...done(kind01, "bootstrap", [0, 1], "degraded", { health: { kind: "degraded", summary: why } }),
  ];

  test("begin with version and nodes; a terminal shows whole parts, and all of what is wrong", () => {
    expect(summaryOf(events)).toStartWith(
      `
cluster                 health    kubernetes  nodes   state
k01.k8s.aws.mylabs.dev  healthy   1.36        1 of 3  Z0QX15DAZ1YG6NIC7XF2N · CREATE_COMPLETE …
kind01.internal         degraded  1.36.1      2       bootstrap: argocd-server: ImagePullBackOff:
                                                      quay.io/argoproj/argocd:v3.5.7: not found
                                                      after 3 attempts in 2 minutes
`.trimStart(),
    );
  });

  test("are all there in a pipe, one line for each cluster", () => {
    const text = formatSummary(collectAll(events), { width: 100, tableWidth: Infinity, color: false });
    const rows = text.split("\n").slice(1, 3);
    expect(rows[0]).toEndWith(`1.36          1 of 3    ${zone} · CREATE_COMPLETE · ${file}`);
    expect(rows[1]).toEndWith(why);
  });
});

test("plan lists what would be done and says that nothing was", () => {
  const k05 = cluster("k05.k8s.aws.mylabs.dev", "aws");
  const aws01 = account("aws-01", "aws");
  const plans = [
    { row: kind01, place: "docker", labels: ["kind", "kubeconfig", "Argo CD"] },
    { row: kind02, place: "docker", labels: ["kind", "kubeconfig"] },
    { row: aws01, place: "", labels: ["role"] },
    { row: k05, place: "us-east-1", labels: ["zone", "delegation", "EKS"] },
    { row: k3d01, place: "docker", labels: ["k3d"] },
    { row: k3d02, place: "docker", labels: ["k3d"] },
  ];
  const text = summaryOf([
    runStarted("plan", plans),
    ...done(kind01, "kind", [0, 0.2], "to update", {
      changes: [
        { field: "audiences", from: ["a", "b"], to: ["b", "c", "d"], effect: "in-place" },
        { field: "workers", from: "1", to: "2", effect: "in-place" },
      ],
    }),
    ...done(kind01, "kubeconfig", [0, 0.2], "unchanged"),
    ...done(kind01, "Argo CD", [0, 0.2], "unchanged"),
    ...done(kind02, "kind", [0, 0.2], "to replace", {
      changes: [
        { field: "workers", from: "1", to: "2", effect: "in-place" },
        { field: "image", from: "v1.35", to: "v1.36", effect: "replace" },
      ],
      requires: "--allow-replacement",
    }),
    ...done(kind02, "kubeconfig", [0, 0.2], "to remove"),
    ...done(aws01, "role", [0, 0.2], "unchanged"),
    ...done(k05, "zone", [0, 0.2], "to make"),
    ...done(k05, "delegation", [0, 0.2], "to make"),
    ...done(k05, "EKS", [0, 0.2], "to make"),
    ...done(k3d01, "k3d", [0, 0.2], "to replace", { note: "half-made by a run that died" }),
    ...done(k3d02, "k3d", [0, 0.2], "unchanged"),
    runFinished(0.4, { next: ["mise run create-all"] }),
  ]);
  expect(text).toBe(
    `
k05.k8s.aws.mylabs.dev
  +    3 resources: zone, delegation, EKS
kind01.internal
  ~    kind  audiences: + c, + d, - a
             workers: 1 → 2
kind02.internal
  -/+  kind  image: v1.35 → v1.36 (forces replacement)
             workers: 1 → 2
             needs --allow-replacement
  -    1 resource: kubeconfig
k3d01.internal
  -/+  k3d   half-made by a run that died

4 clusters change, 1 cluster unchanged · 3 to make, 1 to update, 2 to replace, 1 to remove
nothing was changed

log       clusters/.runs/2026-11-23T10-15-02
next      mise run create-all
`.trimStart(),
  );
});

test("a plan says once of an orphan that the fleet has no such cluster, however many resources it has", () => {
  const labels = Array.from({ length: 12 }, (_, index) => `resource ${index}`);
  const text = summaryOf([
    runStarted("plan", [{ row: kind01, place: "docker", labels }]),
    ...labels.flatMap((label) => done(kind01, label, [0, 1], "orphan", { note: "no longer in the fleet" })),
  ]);
  expect(text.match(/no\s+longer\s+in\s+the\s+fleet/g)).toHaveLength(1);
  expect(text).toContain("  !    12 resources: resource 0, resource 1,");
});

test("a plan that could not look everywhere says so", () => {
  const plans = [{ row: kind01, place: "docker", labels: ["kind", "kubeconfig"] }];
  const text = summaryOf([
    runStarted("plan", plans),
    ...done(kind01, "kind", [0, 1], "failed", { error: portTaken }),
    finished(kind01, "kubeconfig", [1, 1], "blocked", { cause: subject(kind01, "kind").id }),
  ]);
  expect(text).toContain(
    "  ✘    kind  port 6443 of 127.0.0.1 is taken by container old-registry\n  ⊘    kubeconfig: blocked",
  );
  expect(text).toContain("0 clusters change · 1 failed, 1 blocked · nothing was changed");
  expect(text).toContain("  do    docker rm --force old-registry");
});

test("a plan without changes is one line", () => {
  const plans = [kind01, kind02].map((owner) => ({ row: owner, place: "docker", labels: ["kind", "kubeconfig"] }));
  const leftOut = [{ cluster: "k01.k8s.az.mylabs.dev", why: "this version makes no clusters in Azure" }];
  const events = (outcome: "unchanged" | "to make") => [
    runStarted("plan", plans, { sandbox: true, leftOut }),
    ...plans.flatMap(({ row: owner, labels }) => labels.flatMap((label) => done(owner, label, [0, 1], outcome))),
    runFinished(1, { logs: "", next: ["mise run create-all"] }),
  ];
  expect(summaryOf(events("unchanged"))).toBe(
    "no changes: 4 resources of 2 clusters match the fleet · 1 cluster left out · sandbox\n",
  );
  expect(summaryOf(events("to make"))).toContain("2 clusters change · 4 to make");
});

test("a plan lists the elements of a long list one by one", () => {
  const ranges = (first: number) => Array.from({ length: 8 }, (_, index) => `198.51.100.${first + index}/32`);
  const plans = [{ row: kind01, place: "docker", labels: ["stack"] }];
  const changes = [{ field: "ranges", from: ranges(1), to: ranges(5), effect: "in-place" }] as const;
  expect(
    summaryOf([runStarted("plan", plans), ...done(kind01, "stack", [0, 1], "to update", { changes })]),
  ).toStartWith(
    `
kind01.internal
  ~    stack  ranges:
              + 198.51.100.9/32
              + 198.51.100.10/32
              + 198.51.100.11/32
              + 198.51.100.12/32
              - 198.51.100.1/32
              - 198.51.100.2/32
              - 198.51.100.3/32
              - 198.51.100.4/32
`.trimStart(),
  );
});

test("an interrupted run names the clusters that a cloud goes on with", () => {
  const names = ["k01.k8s.aws.mylabs.dev", "k02.k8s.aws.mylabs.dev"].map((name) => cluster(name, "aws"));
  const plans = [
    ...names.map((owner) => ({ row: owner, place: "us-east-1", labels: ["EKS", "kubeconfig"] })),
    { row: kind01, place: "docker", labels: ["kind"] },
  ];
  const goesOn = "CloudFormation goes on creating it";
  const text = summaryOf([
    runStarted("create", plans),
    ...names.flatMap((owner) => [
      ...done(owner, "EKS", [0, 60], "cancelled", { goesOn }),
      finished(owner, "kubeconfig", [60, 60], "cancelled"),
    ]),
    ...done(kind01, "kind", [0, 60], "cancelled"),
    runFinished(60, { exitCode: 130, logs: "", next: ["mise run status"] }),
  ]);
  expect(text).toBe(
    `
cluster                   result         changes     time
k01.k8s.aws.mylabs.dev    in progress    –          1m 0s
k02.k8s.aws.mylabs.dev    in progress    –          1m 0s
kind01.internal           cancelled      –          1m 0s

2 in progress, 1 cancelled · 5 resources: 5 cancelled · 1m 0s

goes on   k01.k8s.aws.mylabs.dev, k02.k8s.aws.mylabs.dev: CloudFormation goes on creating it
          run the same command again to join it
next      mise run status
`.trimStart(),
  );
});
