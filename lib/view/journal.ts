import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "#lib/files.ts";
import type { EventReader, FleetEvent, Subject } from "#lib/graph/events.ts";
import { formatLogLines } from "#lib/view/log-lines.ts";
import { printableJson } from "#lib/view/printable.ts";
import { createRedactor } from "#lib/view/redact.ts";

export interface Journal extends EventReader {
  /** Folder of this run: `journal.jsonl` with every event, and `<row>.log` with the messages and output of each row. */
  readonly folder: string;
  /** Why the journal is incomplete, if it is: a full disk must not end a run. */
  readonly problem: string | undefined;
}

/** Enough for a day of work; older runs are rarely read. */
const keptRuns = 20;
/** A newer folder may belong to a run in progress. */
const youngMs = 60 * 60_000;
const journalName = "journal.jsonl";

/** Creates the folder of a run and removes old ones. A line is in the file before the next event is received. */
export async function createJournal(runsFolder: string, startedAt: Date): Promise<Journal> {
  await mkdir(runsFolder, { recursive: true, mode: 0o700 });
  const folder = makeRunFolder(runsFolder, startedAt);
  await pruneRuns(runsFolder, startedAt.getTime());
  const files = new Map<string, number>();
  const subjects = new Map<string, Subject>();
  const redactEvent = createRedactor();
  let problem: string | undefined;

  function append(name: string, text: string): void {
    const file = files.get(name) ?? openSync(join(folder, name), "a", 0o600);
    files.set(name, file);
    writeSync(file, text);
  }

  function write(event: FleetEvent): void {
    append(journalName, printableJson(event));
    if (event.kind === "run-started") for (const subject of event.subjects) subjects.set(subject.id, subject);
    if (!("id" in event)) return;
    const subject = subjects.get(event.id);
    const lines = formatLogLines(event, subject);
    if (lines.length > 0) append(logName(subject?.row.name ?? "other"), `${lines.join("\n")}\n`);
  }

  return {
    folder,
    get problem() {
      return problem;
    },
    receive(event) {
      if (problem !== undefined) return;
      try {
        write(redactEvent(event));
      } catch (error) {
        if (!isErrno(error, "ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "ENFILE", "ENOENT", "EACCES")) throw error;
        problem = `the journal in ${folder} is incomplete: ${error instanceof Error ? error.message : String(error)}`;
      }
    },
    async close() {
      for (const file of files.values()) closeSync(file);
      files.clear();
    },
  };
}

/** File with the messages and output of one row. */
export function logName(row: string): string {
  return `${row.replace(/[^A-Za-z0-9._-]/g, "_")}.log`;
}

/** `2026-11-23T10-15-02`; `-2`, `-3` where another run started in the same second. mkdir decides between processes. */
function makeRunFolder(runsFolder: string, startedAt: Date): string {
  const time = startedAt.toISOString().slice(0, 19).replaceAll(":", "-");
  for (let number = 1; ; number++) {
    const folder = join(runsFolder, number === 1 ? time : `${time}-${number}`);
    try {
      mkdirSync(folder, { mode: 0o700 });
      return folder;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

const runName = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)(?:-(\d+))?$/;

async function pruneRuns(runsFolder: string, nowMs: number): Promise<void> {
  const entries = await readdir(runsFolder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && runName.test(entry.name)).map((entry) => entry.name);
  const old = names.sort(byAge).slice(keptRuns);
  for (const folder of old.map((name) => join(runsFolder, name))) {
    const usedAtMs = (await tryUsedAt(join(folder, journalName))) ?? (await tryUsedAt(folder));
    // gone: another process is pruning too
    if (usedAtMs === undefined || nowMs - usedAtMs < youngMs) continue;
    await rm(folder, { recursive: true, force: true });
  }
}

/** Newest first. */
function byAge(a: string, b: string): number {
  const [, timeA = "", numberA = "1"] = runName.exec(a) ?? [];
  const [, timeB = "", numberB = "1"] = runName.exec(b) ?? [];
  return timeA === timeB ? Number(numberB) - Number(numberA) : timeA < timeB ? 1 : -1;
}

async function tryUsedAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
