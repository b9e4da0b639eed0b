import { describe, expect, test } from "bun:test";
import type { EventReader, FleetEvent } from "#lib/graph/events.ts";
import { chooseViews, isColorWanted, isTreeFit, type ViewChoice } from "#lib/view/choose.ts";
import { at, done, halfFailedCreate, kind01, localPlans, runFinished, runStarted, started } from "./fixtures/runs.ts";

const terminal = { isTTY: true, columns: 100, rows: 30 };
const pipe = { isTTY: undefined, columns: undefined };

async function textOf(choice: Partial<ViewChoice>, events: readonly FleetEvent[] = halfFailedCreate): Promise<string> {
  let text = "";
  const views = chooseViews({
    json: false,
    stdout: pipe,
    environment: {},
    write: (part) => {
      text += part;
    },
    now: () => Date.parse(at(65)),
    ...choice,
  });
  for (const event of events) for (const view of views) view.receive(event);
  for (const view of views) await view.close();
  return text;
}

describe("the tree", () => {
  test.each([
    ["a terminal with columns", terminal, {}, true],
    ["a terminal whose TERM is usual", terminal, { TERM: "xterm-256color" }, true],
    ["a pipe", pipe, {}, false],
    ["a terminal without size", { isTTY: true, columns: 0 }, {}, false],
    ["a terminal that doesn't tell its size", { isTTY: true, columns: undefined }, {}, false],
    ["CI with a pseudo terminal", terminal, { CI: "true" }, false],
    ["CI that is said not to be", terminal, { CI: "false" }, true],
    ["a dumb terminal", terminal, { TERM: "dumb" }, false],
  ])("%s", (_name, stdout, environment, expected) => {
    expect(isTreeFit({ stdout, environment })).toBe(expected);
  });
});

describe("colour", () => {
  test.each([
    ["a terminal", terminal, {}, true],
    ["a pipe", pipe, {}, false],
    ["NO_COLOR", terminal, { NO_COLOR: "1" }, false],
    ["an empty NO_COLOR", terminal, { NO_COLOR: "" }, true],
    ["FORCE_COLOR in a pipe", pipe, { FORCE_COLOR: "1" }, true],
    ["FORCE_COLOR=0 on a terminal", terminal, { FORCE_COLOR: "0" }, false],
    ["NO_COLOR beside FORCE_COLOR", terminal, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
    ["a dumb terminal", terminal, { TERM: "dumb" }, false],
  ])("%s", (_name, stdout, environment, expected) => {
    expect(isColorWanted({ stdout, environment })).toBe(expected);
  });
});

test("a pipe gets the plain log, then the summary, without escape codes", async () => {
  const text = await textOf({});
  expect(text).toStartWith("10:15:02 mylabs.dev ");
  expect(text).toContain("finished  in 1m 5s\n\ncluster ");
  expect(text).not.toContain("\u001b");
});

test.each(["plan", "status"] as const)("%s in a pipe is its end alone", async (verb) => {
  const text = await textOf({}, [runStarted(verb, localPlans), started(kind01, "kind", 1), runFinished(2)]);
  expect(text).not.toContain("started");
  expect(text).not.toMatch(/^10:15:/m);
  expect(text).toMatch(verb === "plan" ? /nothing was changed/ : /kind01\.internal/);
});

test("status in a pipe cuts nothing", async () => {
  const health = { kind: "healthy", summary: "x".repeat(300) } as const;
  const text = await textOf({}, [
    runStarted("status", localPlans),
    ...done(kind01, "kind", [0, 1], "healthy", { health }),
    runFinished(2),
  ]);
  expect(text).toContain(health.summary);
});

test("JSON comes alone", async () => {
  const text = await textOf({ json: true, stdout: terminal });
  const lines = text.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).kind)).toEqual(halfFailedCreate.map(({ kind }) => kind));
});

test("the journal reads along and is closed first, and the summary says when it is incomplete", async () => {
  const seen: FleetEvent[] = [];
  let problem: string | undefined;
  const reader: EventReader = {
    receive: (event) => void seen.push(event),
    close: async () => {
      problem = "the journal is incomplete: disk full";
    },
  };
  const journal = {
    ...reader,
    folder: "runs",
    get problem() {
      return problem;
    },
  };
  const text = await textOf({ journal });
  expect(seen).toEqual([...halfFailedCreate]);
  expect(text).toContain("warning   the journal is incomplete: disk full\n");
});

test("a run that was cut short still ends in a summary", async () => {
  expect(await textOf({}, halfFailedCreate.slice(0, 5))).toContain("kind01.internal    cancelled");
});

test("nothing is said when nothing started", async () => {
  expect(await textOf({}, [])).toBe("");
});
