import { describe, expect, test } from "bun:test";
import type { FleetEvent } from "#lib/graph/events.ts";
import { collectAll } from "#lib/view/collect.ts";
import { createStyle, widthOf } from "#lib/view/format.ts";
import { type FrameOptions, layoutFrame } from "#lib/view/frame.ts";
import {
  account,
  at,
  cluster,
  docker,
  done,
  finished,
  halfFailedCreate,
  k3d01,
  kind01,
  kind02,
  largeHalfWay,
  progress,
  queued,
  runFinished,
  runStarted,
  started,
} from "./fixtures/runs.ts";

function frameOf(events: readonly FleetEvent[], options: Partial<FrameOptions> = {}): readonly string[] {
  const frame = layoutFrame(collectAll(events), {
    columns: 100,
    rows: 40,
    nowMs: Date.parse(at(20)),
    tick: 0,
    style: createStyle(false),
    ...options,
  });
  return [...frame.header, ...frame.rows.map(({ line }) => line), ...frame.footer];
}

const one = [{ row: kind01, place: "docker", labels: ["kind", "kubeconfig"] }];

describe("no picture is larger than its terminal", () => {
  const sizes = [20, 39, 71, 72, 100, 200].flatMap((columns) =>
    [3, 4, 10, 13, 24, 60].map((rows) => ({ columns, rows })),
  );
  test.each(sizes)("$columns columns, $rows rows", ({ columns, rows }) => {
    for (const events of [largeHalfWay, halfFailedCreate, largeHalfWay.slice(0, 9)]) {
      const lines = frameOf(events, { columns, rows });
      expect(lines.length).toBeLessThan(rows);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    }
  });

  test("with colour, only escape codes are added", () => {
    const colored = frameOf(largeHalfWay, { style: createStyle(true) });
    expect(colored.map((line) => Bun.stripANSI(line))).toEqual([...frameOf(largeHalfWay)]);
  });
});

test("a wait says how long it has lasted, from five seconds on", () => {
  const events = [
    runStarted("create", one),
    started(kind01, "kind", 0),
    progress(kind01, "kind", 10, "waiting for 1 of 2 nodes"),
  ];
  const rowAt = (seconds: number) => frameOf(events, { nowMs: Date.parse(at(seconds)) })[2];
  expect(rowAt(15)).toEndWith("⠋ kind  waiting for 1 of 2 nodes");
  expect(rowAt(16)).toEndWith("⠋ kind  waiting for 1 of 2 nodes · 6s");
  expect(rowAt(130)).toEndWith("⠋ kind  waiting for 1 of 2 nodes · 2m 0s");
});

test("a row that waits for a place says who has the places now", () => {
  const k01 = cluster("k01.k8s.aws.mylabs.dev", "aws");
  const plans = [
    { row: k01, place: "us-east-1", labels: ["zone", "EKS"] },
    ...[kind01, kind02, k3d01].map((owner) => ({ row: owner, place: "docker", labels: ["kind", "kubeconfig"] })),
  ];
  const events = [
    runStarted("create", plans),
    ...done(k01, "zone", [0, 1], "made"),
    queued(k01, "EKS", 1, []),
    started(kind01, "kind", 0),
    started(kind02, "kind", 0),
    queued(k3d01, "kind", 0, [kind01, kind02]),
    finished(kind01, "kind", [0, 9], "made"),
  ];
  const lines = frameOf(events);
  expect(lines.find((line) => line.includes("k3d01"))).toEndWith("waiting for a place (2 at once: kind02.internal)");
  const narrow = frameOf(events, { columns: 84 });
  expect(narrow.find((line) => line.includes("k3d01"))).toEndWith("waiting for a place (2 at once)");
  expect(lines.find((line) => line.includes("k01"))).toContain("✔ zone  · EKS  waiting for a place (");
});

test("a wait whose numbers change is the same wait", () => {
  const row = frameOf([
    runStarted("create", one),
    started(kind01, "kind", 0),
    progress(kind01, "kind", 1, "waiting for 2 of 3 nodes"),
    progress(kind01, "kind", 19, "waiting for 1 of 3 nodes"),
  ])[2];
  expect(row).toEndWith("waiting for 1 of 3 nodes · 19s");
});

test("a row that doesn't fit counts what is done and shows what runs", () => {
  const labels = ["zone", "delegation", "role", "stack", "nodes", "kubeconfig", "root application", "Argo CD"];
  const events = [
    runStarted("create", [{ row: kind01, place: "docker", labels }]),
    ...labels.slice(0, -1).flatMap((label) => done(kind01, label, [0, 1], "made")),
    started(kind01, "Argo CD", 18),
    progress(kind01, "Argo CD", 18, "3 of 5 applications healthy"),
  ];
  expect(frameOf(events)[2]).toBe("local  └ kind01.internal  docker  ✔ 7  ⠋ Argo CD  3 of 5 applications healthy");
});

test("clusters hang below their account, groups come in the order of the run", () => {
  const k01 = cluster("k01.k8s.aws.mylabs.dev", "aws");
  const events = [
    runStarted("create", [
      ...one,
      { row: account("aws-01", "aws"), place: "", labels: ["role"] },
      { row: k01, place: "us-east-1", labels: ["EKS"] },
    ]),
    ...done(account("aws-01", "aws"), "role", [0, 0.3], "adopted"),
  ];
  expect(frameOf(events).slice(2)).toEqual([
    `${"aws    aws-01                               ✔ role (adopted)".padEnd(94)}✔ 0.3s`,
    "       └ k01.k8s.aws.mylabs.dev  us-east-1  waiting",
    "local  └ kind01.internal         docker     waiting",
  ]);
});

test("what is blocked names its cause: another row, or the resource beside it", () => {
  const rows = frameOf(halfFailedCreate);
  expect(rows.find((line) => line.includes("k3d02"))).toContain("⊘ blocked by docker image");
  const narrow = [
    runStarted("create", one),
    ...done(kind01, "kind", [0, 1], "failed", { error: { code: "PortTaken", message: "port 6443 is taken" } }),
    finished(kind01, "kubeconfig", [1, 1], "blocked", { cause: "local/kind01.internal/kind" }),
  ];
  expect(frameOf(narrow)[2]).toContain("✘ kind  port 6443 is taken (PortTaken)  ⊘ kubeconfig");
});

test("a message can't break the picture", () => {
  const events = [
    runStarted("create", one),
    started(kind01, "kind", 18),
    progress(kind01, "kind", 18, "one\ntwo\u001b[2J\u001b[31mthree"),
  ];
  expect(frameOf(events)[2]).toEndWith("⠋ kind  one twothree");
});

test("the last notice stands below the tree", () => {
  const notice = {
    kind: "notice",
    at: at(1),
    level: "warning",
    message: "stopping",
    hint: "Ctrl-C again to leave now",
  } as const;
  expect(frameOf([runStarted("create", one), notice]).at(-1)).toBe("warning  stopping · Ctrl-C again to leave now");
});

test("the clock stands still when the run has ended", () => {
  const events = [runStarted("create", [{ row: docker, place: "docker", labels: ["image"] }]), runFinished(7)];
  expect(frameOf(events)[0]).toEndWith("0 clusters · 0:07");
});
