import { type EventReader, type FleetEvent, isLook, type Row } from "#lib/graph/events.ts";
import { collect, emptyRun, resourcesOf } from "#lib/view/collect.ts";
import { createStyle } from "#lib/view/format.ts";
import { layoutFrame } from "#lib/view/frame.ts";
import { createRedactor } from "#lib/view/redact.ts";
import { isRowEnded, rowKey, rowStatus, rowsByGroup } from "#lib/view/rows.ts";

/** listr2 paints at every change of a title; ten pictures a second are enough for an eye. */
const paintIntervalMs = 90;
/** What a terminal has when it doesn't say. */
const usualSize = { columns: 80, rows: 24 };

export interface TreeOptions {
  readonly color: boolean;
  /** Milliseconds since the epoch, on the clock that stamps the events. */
  readonly now: () => number;
}

/** One row of the tree is one listr2 task: it is titled from the events and settled with the last of its resources. */
interface Line {
  readonly row: Row;
  readonly ended: PromiseWithResolvers<void>;
  task: { title: string } | undefined;
}

/** The view for people: a tree by group, account and cluster, painted in place by listr2. */
export function createTree({ color, now }: TreeOptions): EventReader {
  const style = createStyle(color);
  const redactEvent = createRedactor();
  let run = emptyRun;
  let lines: readonly Line[] = [];
  let painting: Promise<void> | undefined;
  let tick = 0;

  /** Titles the tasks and puts the picture together. */
  function paint(): string {
    const { columns, rows } = process.stdout;
    const size = { columns: columns || usualSize.columns, rows: rows || usualSize.rows };
    const frame = layoutFrame(run, { ...size, nowMs: now(), tick: tick++, style });
    const titles = frame.rows.map(({ key, line }) => {
      const task = lines.find((candidate) => rowKey(candidate.row) === key)?.task;
      if (task !== undefined) task.title = line;
      return line;
    });
    return [...frame.header, ...titles, ...frame.footer].join("\n");
  }

  /** Ends as listr2 knows them: a throw is a failed task, a skipped one was blocked or cancelled. */
  async function follow(line: Line, task: { title: string; skip: (message: string) => void }): Promise<void> {
    line.task = task;
    await line.ended.promise;
    const resources = resourcesOf(run, line.row);
    const status = rowStatus(resources);
    if (status === "failed") throw new Error(`${line.row.owner.name} failed`);
    if (status !== "done") task.skip(`${line.row.owner.name} ${status}`);
  }

  async function start(): Promise<void> {
    const { DefaultRenderer, Listr } = await import("listr2");

    /** listr2's own renderer with our picture in it, painted at most once per interval. */
    class TreeRenderer extends DefaultRenderer {
      // whether this is a terminal was decided by whoever chose this view
      static override nonTTY = true;
      #paintedAtMs = 0;

      override async render(): Promise<void> {
        await super.render();
        process.once("exit", this.#leave);
      }

      /** A process that ends early still gives back the cursor and what others wrote meanwhile. */
      readonly #leave = (): void => this.end();

      override end(): void {
        process.off("exit", this.#leave);
        super.end();
      }

      override update(): void {
        const nowMs = performance.now();
        if (nowMs - this.#paintedAtMs < paintIntervalMs) return;
        this.#paintedAtMs = nowMs;
        super.update();
      }

      override create(): string {
        return paint();
      }
    }

    const list = new Listr(
      lines.map((line) => ({ title: line.row.owner.name, task: (_context, task) => follow(line, task) })),
      {
        renderer: TreeRenderer,
        concurrent: true,
        // of a look only the end is of use, which says all of it
        rendererOptions: { clearOutput: run.started !== undefined && isLook(run.started.verb) },
        // a failed row is a picture, never a rejection; the verb knows what failed
        exitOnError: false,
        // listr2's handler ends the process with 127; interrupts belong to the one module that handles signals
        registerSignalListeners: false,
      },
    );
    await list.run();
  }

  function receive(event: FleetEvent): void {
    run = collect(run, event);
    if (event.kind === "run-started" && painting === undefined) {
      lines = rowsByGroup(run).map((row) => ({ row, ended: Promise.withResolvers<void>(), task: undefined }));
      painting = start();
      // told to whoever closes the view; until then a rejection is not unhandled
      painting.catch(() => {});
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
      await painting;
    },
  };
}
