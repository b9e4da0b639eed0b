import { expect, test } from "bun:test";
import type { FleetEvent } from "#lib/graph/events.ts";
import { createPlain } from "#lib/view/plain.ts";
import {
  at,
  done,
  finished,
  halfFailedCreate,
  kind01,
  kind02,
  output,
  portTaken,
  progress,
  queued,
  runStarted,
  started,
} from "./fixtures/runs.ts";

const plans = [
  { row: kind01, place: "docker", labels: ["kind", "kubeconfig"] },
  { row: kind02, place: "docker", labels: ["kind"] },
];

function linesOf(events: readonly FleetEvent[], color = false): readonly string[] {
  const lines: string[] = [];
  const view = createPlain({ color, write: (text) => lines.push(text) });
  for (const event of [runStarted("create", plans), ...events]) view.receive(event);
  return lines.slice(1);
}

test("each line has its time, its row, its resource and what happened", () => {
  const lines = linesOf([
    queued(kind01, "kind", 0, [kind02, kind01]),
    started(kind01, "kind", 0),
    progress(kind01, "kind", 1, "waiting for 1 of 2 nodes"),
    output(kind01, "kind", 2, "Preparing nodes"),
    finished(kind01, "kind", [0, 42], "made"),
    ...done(kind01, "kubeconfig", [42, 43], "updated", {
      changes: [{ field: "server", from: "a", to: "b", effect: "in-place" }],
    }),
    ...done(kind02, "kind", [0, 44], "failed", { error: portTaken }),
    finished(kind01, "kubeconfig", [44, 44], "blocked", { cause: "local/kind02.internal/kind" }),
    { kind: "notice", at: at(45), level: "info", message: "3 at once", hint: "--concurrency 4" },
  ]);
  expect(lines.join("")).toBe(
    `
10:15:02 kind01.internal  kind        waiting for a place (2 at once: kind02.internal, kind01.internal)
10:15:02 kind01.internal  kind        started
10:15:03 kind01.internal  kind        waiting for 1 of 2 nodes
10:15:04 kind01.internal  kind        | Preparing nodes
10:15:44 kind01.internal  kind        made       in 42s
10:15:44 kind01.internal  kubeconfig  started
10:15:45 kind01.internal  kubeconfig  updated    in 1s · server: a → b
10:15:02 kind02.internal  kind        started
10:15:46 kind02.internal  kind        failed     port 6443 of 127.0.0.1 is taken by container old-registry (PortTaken)
10:15:46 kind01.internal  kubeconfig  blocked    by local/kind02.internal/kind
10:15:47 mylabs.dev                   note  3 at once · --concurrency 4
`.trimStart(),
  );
});

test("the first line says what the run is about", () => {
  const lines: string[] = [];
  createPlain({ color: false, write: (text) => lines.push(text) }).receive(
    halfFailedCreate[0] ?? runStarted("create", []),
  );
  expect(lines).toEqual(["10:15:02 mylabs.dev                   create  4 clusters, 14 resources · sandbox\n"]);
});

test("the same progress is said once", () => {
  const said = [0, 5, 10].map((seconds) => progress(kind01, "kind", seconds, "waiting for 1 of 2 nodes"));
  expect(linesOf(said)).toHaveLength(1);
});

test("progress is said at most every two seconds for each resource", () => {
  const said = Array.from({ length: 40 }, (_, index) => progress(kind01, "kind", index / 10, `${index} of 40`));
  const other = progress(kind02, "kind", 0.1, "0 of 40");
  const lines = linesOf([...said.slice(0, 1), other, ...said.slice(1)]);
  expect(lines.filter((line) => line.includes("kind01")).map((line) => line.slice(38).trim())).toEqual([
    "0 of 40",
    "20 of 40",
  ]);
  expect(lines.filter((line) => line.includes("kind02"))).toHaveLength(1);
});

test("progress that came too soon is said with a later event of another resource", () => {
  const lines = linesOf([
    progress(kind01, "kind", 0, "pulling"),
    progress(kind01, "kind", 1, "waiting for 1 of 2 nodes"),
    started(kind02, "kind", 4),
  ]);
  expect(lines[1]).toBe("10:15:06 kind01.internal  kind        waiting for 1 of 2 nodes\n");
});

test("progress held back at the end is never said", () => {
  const lines = linesOf([
    progress(kind01, "kind", 0, "pulling"),
    progress(kind01, "kind", 1, "almost"),
    finished(kind01, "kind", [0, 9], "made"),
  ]);
  expect(lines.join("")).not.toContain("almost");
});

test("what programs print loses its escape codes, and each of its lines gets its own", () => {
  const lines = linesOf([output(kind01, "kind", 0, "\u001b[32m✓\u001b[0m ready\n10%\r100%\u0007")]);
  expect(lines).toEqual([
    "10:15:02 kind01.internal  kind        | ✓ ready\n",
    "10:15:02 kind01.internal  kind        | 100%\n",
  ]);
});

test("escape codes come only when asked for", () => {
  const events = done(kind01, "kind", [0, 1], "failed", { error: portTaken });
  expect(linesOf(events).join("")).not.toContain("\u001b");
  expect(linesOf(events, true).join("")).toContain("\u001b[31mfailed");
});

test("secrets are masked in progress, output and errors", () => {
  const error = { code: "ProgramFailed", message: "K3S_TOKEN=abcdef was refused" };
  const text = linesOf([
    progress(kind01, "kind", 0, "Authorization: Bearer abcdef"),
    output(kind01, "kind", 0, "token: abcdef"),
    finished(kind01, "kind", [0, 1], "failed", { error }),
  ]).join("");
  expect(text).not.toContain("abcdef");
  expect(text.match(/<redacted>/g)).toHaveLength(3);
});
