import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createJournal, logName } from "#lib/view/journal.ts";
import { at, finished, halfFailedCreate, kind01, output, portTaken, progress, runStarted } from "./fixtures/runs.ts";

const startedAt = new Date(at(0));
let root = "";
let runs = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "view-journal-"));
  runs = join(root, "runs");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

test("the folder is named after the start and is its owner's alone, and so are its files", async () => {
  const journal = await createJournal(runs, startedAt);
  for (const event of halfFailedCreate) journal.receive(event);
  await journal.close();
  expect(basename(journal.folder)).toBe("2026-11-23T10-15-02");
  expect([modeOf(runs), modeOf(journal.folder)]).toEqual(["700", "700"]);
  const files = readdirSync(journal.folder).sort();
  expect(files).toEqual([
    "docker.log",
    "journal.jsonl",
    "k3d01.internal.log",
    "k3d02.internal.log",
    "kind01.internal.log",
    "kind02.internal.log",
  ]);
  expect(files.map((file) => modeOf(join(journal.folder, file)))).toEqual(files.map(() => "600"));
});

test("the journal holds every event, in order", async () => {
  const journal = await createJournal(runs, startedAt);
  for (const event of halfFailedCreate) journal.receive(event);
  await journal.close();
  const lines = readFileSync(join(journal.folder, "journal.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([...halfFailedCreate]);
});

test("the log of a row says what was done, printed and seen", async () => {
  const journal = await createJournal(runs, startedAt);
  journal.receive(runStarted("create", [{ row: kind01, place: "docker", labels: ["kind"] }]));
  journal.receive(progress(kind01, "kind", 1, "waiting for 1 of 2 nodes"));
  journal.receive(output(kind01, "kind", 2, "\u001b[32mPreparing\u001b[0m nodes"));
  journal.receive(finished(kind01, "kind", [0, 9], "failed", { error: portTaken }));
  await journal.close();
  expect(readFileSync(join(journal.folder, "kind01.internal.log"), "utf8")).toBe(
    `
10:15:03 kind  waiting for 1 of 2 nodes
10:15:04 kind  | Preparing nodes
10:15:11 kind  failed  port 6443 of 127.0.0.1 is taken by container old-registry (PortTaken)
10:15:11 kind  CONTAINER      PORTS
10:15:11 kind  old-registry   127.0.0.1:6443->5000/tcp
10:15:11 kind  the port is set in clusters/kind.ts
10:15:11 kind  hint: docker rm --force old-registry
`.trimStart(),
  );
});

test("what was received is in the files before anything is closed", async () => {
  const journal = await createJournal(runs, startedAt);
  journal.receive(runStarted("create", [{ row: kind01, place: "docker", labels: ["kind"] }]));
  journal.receive(output(kind01, "kind", 2, "last words"));
  expect(readFileSync(join(journal.folder, "journal.jsonl"), "utf8")).toContain("last words");
  expect(readFileSync(join(journal.folder, "kind01.internal.log"), "utf8")).toContain("last words");
  await journal.close();
});

test("secrets reach neither file", async () => {
  const journal = await createJournal(runs, startedAt);
  journal.receive(runStarted("create", [{ row: kind01, place: "docker", labels: ["kind"] }]));
  journal.receive(output(kind01, "kind", 2, "client-key-data: c2VjcmV0"));
  await journal.close();
  for (const file of ["journal.jsonl", "kind01.internal.log"]) {
    const text = readFileSync(join(journal.folder, file), "utf8");
    expect(text).toContain("<redacted>");
    expect(text).not.toContain("c2VjcmV0");
  }
});

test("runs of the same second get folders of their own", async () => {
  const journals = await Promise.all([1, 2, 3].map(() => createJournal(runs, startedAt)));
  expect(journals.map((journal) => basename(journal.folder)).sort()).toEqual([
    "2026-11-23T10-15-02",
    "2026-11-23T10-15-02-2",
    "2026-11-23T10-15-02-3",
  ]);
});

test("processes that start in the same second get folders of their own", async () => {
  const code = `const { createJournal } = await import(${JSON.stringify(require.resolve("#lib/view/journal.ts"))});
    process.stdout.write((await createJournal(${JSON.stringify(runs)}, new Date(${startedAt.getTime()}))).folder)`;
  const processes = [1, 2, 3].map(() => Bun.spawn([process.execPath, "-e", code], { stdout: "pipe" }));
  const folders = await Promise.all(processes.map(({ stdout }) => stdout.text()));
  expect(new Set(folders).size).toBe(3);
  expect(readdirSync(runs)).toHaveLength(3);
});

test("the newest twenty folders stay, whatever else is there stays too", async () => {
  const makeRun = (name: string, ageMs: number) => {
    mkdirSync(join(runs, name), { recursive: true });
    const time = new Date(startedAt.getTime() - ageMs);
    writeFileSync(join(runs, name, "journal.jsonl"), "");
    utimesSync(join(runs, name, "journal.jsonl"), time, time);
  };
  const day = 24 * 60 * 60_000;
  const names = Array.from({ length: 25 }, (_, index) => `2026-10-${String(index + 1).padStart(2, "0")}T08-00-00`);
  for (const name of names) makeRun(name, 30 * day);
  makeRun("2025-01-01T00-00-00", 10 * 60_000);
  mkdirSync(join(runs, "notes"));
  const journal = await createJournal(runs, startedAt);
  expect(readdirSync(runs).sort()).toEqual(
    ["2025-01-01T00-00-00", ...names.slice(6), basename(journal.folder), "notes"].sort(),
  );
});

test("a journal that can't be written doesn't end the run, and says so", async () => {
  const journal = await createJournal(runs, startedAt);
  rmSync(journal.folder, { recursive: true });
  expect(journal.problem).toBeUndefined();
  for (const event of halfFailedCreate) journal.receive(event);
  await journal.close();
  expect(journal.problem).toContain(`the journal in ${journal.folder} is incomplete: ENOENT`);
});

test("a row's name can't lead out of the folder", () => {
  expect(logName("../../etc/passwd")).toBe(".._.._etc_passwd.log");
});

test("a thousand events cost less than a tenth of a second", async () => {
  const journal = await createJournal(runs, startedAt);
  journal.receive(runStarted("create", [{ row: kind01, place: "docker", labels: ["kind"] }]));
  // the best of five: other work on the computer is not the journal's
  const tookMs = [1, 2, 3, 4, 5].map(() => {
    const began = performance.now();
    for (let index = 0; index < 1_000; index++) {
      journal.receive(output(kind01, "kind", index / 100, `waiting for ${index} of 1000 nodes to become ready`));
    }
    return performance.now() - began;
  });
  await journal.close();
  expect(Math.min(...tookMs)).toBeLessThan(100);
});
