import type { ListrRenderer } from "listr2";
import { type EventReader, type FleetEvent, isLook, type Row } from "#lib/graph/events.ts";
import { collect, emptyRun, resourcesOf } from "#lib/view/collect.ts";
import { createStyle } from "#lib/view/format.ts";
import { type Frame, layoutFrame } from "#lib/view/frame.ts";
import { createRedactor } from "#lib/view/redact.ts";
import { isRowEnded, rowKey, rowStatus, rowsByGroup } from "#lib/view/rows.ts";

/** Ten frames a second look smooth. */
const paintIntervalMs = 100;
/** Size of a terminal that does not report one. */
const usualSize = { columns: 80, rows: 24 };

export interface TreeOptions {
  readonly color: boolean;
  /** Milliseconds since the epoch, on the clock that stamps the events. */
  readonly now: () => number;
}

/** One row of the tree is one task of listr2: its title is the line on the screen, and it ends with the last of its resources. */
interface Line {
  readonly row: Row;
  readonly ended: PromiseWithResolvers<void>;
  task: RowTask | undefined;
}

/** The part of listr2's task that a row needs. */
interface RowTask {
  get title(): string;
  set title(title: string | null);
  skip(message: string): void;
}

/** The view for people: a tree by group, account and cluster, rendered in place by listr2. */
export function createTree({ color, now }: TreeOptions): EventReader {
  const style = createStyle(color);
  const redactEvent = createRedactor();
  let run = emptyRun;
  let lines: readonly Line[] = [];
  let rendering: Promise<void> | undefined;
  let tick = 0;

  /** Gives the tasks their titles; a row without a place on the screen has none. */
  function layout(): Surroundings {
    const { columns, rows } = process.stdout;
    const size = { columns: columns || usualSize.columns, rows: rows || usualSize.rows };
    const frame = layoutFrame(run, { ...size, nowMs: now(), tick: tick++, style });
    const titles = new Map(frame.rows.map(({ key, line }) => [key, line]));
    for (const { row, task } of lines) if (task !== undefined) task.title = titles.get(rowKey(row)) ?? null;
    return frame;
  }

  /** Ends in the terms of listr2: a throw is a failed task, a blocked or cancelled one is skipped. */
  async function follow(line: Line, task: RowTask): Promise<void> {
    line.task = task;
    await line.ended.promise;
    const resources = resourcesOf(run, line.row);
    const status = rowStatus(resources);
    if (status === "failed") throw new Error(`${line.row.ref.name} failed`);
    if (status !== "done") task.skip(`${line.row.ref.name} ${status}`);
  }

  async function render(): Promise<void> {
    const { Listr } = await import("listr2");
    const list = new Listr<unknown, typeof TreeRenderer>(
      lines.map((line) => ({ title: line.row.ref.name, task: (_context, task) => follow(line, task) })),
      {
        renderer: TreeRenderer,
        concurrent: true,
        // only the end of a look is of use, and the summary says all of it
        rendererOptions: { layout, clearOutput: run.started !== undefined && isLook(run.started.verb) },
        // a failed row must not stop the others; the verb knows what failed
        exitOnError: false,
        // the handler of listr2 ends the process with 127; one module of ours handles signals
        registerSignalListeners: false,
      },
    );
    await list.run();
  }

  function receive(event: FleetEvent): void {
    run = collect(run, event);
    if (event.kind === "run-started" && rendering === undefined) {
      lines = rowsByGroup(run).map((row) => ({ row, ended: Promise.withResolvers<void>(), task: undefined }));
      rendering = render();
      // close() reports a rejection; until then it counts as handled
      rendering.catch(() => {});
    }
    if (event.kind === "finished") {
      for (const line of lines) {
        if (line.row.resources.includes(event.id) && isRowEnded(resourcesOf(run, line.row))) line.ended.resolve();
      }
    }
  }

  return {
    receive: (event) => receive(redactEvent(event)),
    async close() {
      for (const line of lines) line.ended.resolve();
      await rendering;
    },
  };
}

/** Lines above and below the rows. */
type Surroundings = Pick<Frame, "header" | "footer">;

interface TitledTask {
  /** Undefined: hidden. */
  readonly title?: string;
}

interface TreeRendererOptions {
  /** Called before each frame. */
  readonly layout: () => Surroundings;
  /** Clear the screen at the end. */
  readonly clearOutput: boolean;
}

/** A renderer of listr2 (https://listr2.kilic.dev/renderer/renderer.html): the titles of all tasks, painted in place. */
class TreeRenderer implements ListrRenderer {
  // the caller has chosen this view for a terminal
  static readonly nonTTY = true;
  static rendererOptions: TreeRendererOptions;
  static rendererTaskOptions: Record<string, never>;

  readonly #tasks: readonly TitledTask[];
  readonly #options: TreeRendererOptions;
  #stop: (() => void) | undefined;

  constructor(tasks: readonly TitledTask[], options: TreeRendererOptions) {
    this.#tasks = tasks;
    this.#options = options;
  }

  async render(): Promise<void> {
    const [{ ProcessOutput }, { createLogUpdate }] = await Promise.all([import("listr2"), import("log-update")]);
    const output = new ProcessOutput();
    const update = createLogUpdate(output.stdout);
    // the output of others is printed at the end
    output.hijack();
    const timer = setInterval(() => update(this.#paint()), paintIntervalMs);
    this.#stop = () => {
      clearInterval(timer);
      update.clear();
      update.done();
      if (!this.#options.clearOutput) output.toStdout(this.#paint());
      output.release();
    };
    // a process that exits early still restores the cursor and the output of others
    process.once("exit", this.end);
  }

  readonly end = (): void => {
    process.off("exit", this.end);
    this.#stop?.();
  };

  #paint(): string {
    const { header, footer } = this.#options.layout();
    const titles = this.#tasks.flatMap(({ title }) => title ?? []);
    return [...header, ...titles, ...footer].join("\n");
  }
}
