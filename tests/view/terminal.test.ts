import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { widthOf } from "#lib/view/format.ts";

const tmux = Bun.which("tmux");
if (tmux === null) process.stderr.write("skipped: the tree on a real terminal (tmux is not installed)\n");

const folder = mkdtempSync(join(tmpdir(), "view-terminal-"));
/** A server of our own: sessions of whoever runs the tests stay untouched. */
const socket = join(folder, "tmux");
const replay = resolve(import.meta.dir, "fixtures/replay.ts");

afterAll(() => {
  if (tmux !== null) Bun.spawnSync([tmux, "-S", socket, "kill-server"]);
  rmSync(folder, { recursive: true, force: true });
});

function run(...parameters: readonly string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync([tmux ?? "tmux", "-S", socket, ...parameters]);
  if (exitCode !== 0) throw new Error(`tmux ${parameters.join(" ")}: ${stderr}`);
  return stdout.toString();
}

interface Terminal {
  /** The screen, once it shows the text. */
  screen(text: string): Promise<readonly string[]>;
  /** Lets the run go on after its pause. */
  goOn(): void;
  type(key: string): void;
  /** What tmux knows of the terminal. */
  ask(format: string): string;
}

let terminals = 0;

function open(columns: number, rows: number, name: string, pauseAfter: number): Terminal {
  const session = `view-${++terminals}`;
  const signal = join(folder, session);
  const command = [process.execPath, replay, name, String(pauseAfter), signal];
  const size = ["-x", String(columns), "-y", String(rows)];
  // the shell stays, so that what is left on the screen can be read
  run(
    "-f",
    "/dev/null",
    "new-session",
    "-d",
    "-s",
    session,
    ...size,
    `trap : INT; ${command.map(quote).join(" ")}; exec sleep 60`,
  );
  run("set-option", "-t", session, "status", "off");
  run("resize-window", "-t", session, ...size);
  return {
    async screen(text) {
      const deadline = performance.now() + 10_000;
      for (;;) {
        const lines = run("capture-pane", "-p", "-t", session).trimEnd().split("\n");
        if (lines.some((line) => line.includes(text))) return lines;
        if (performance.now() > deadline) throw new Error(`the screen never showed "${text}":\n${lines.join("\n")}`);
        await Bun.sleep(20);
      }
    },
    goOn: () => writeFileSync(signal, ""),
    type: (key) => void run("send-keys", "-t", session, key),
    ask: (format) => run("display-message", "-p", "-t", session, format).trim(),
  };
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Spinner and seconds differ from picture to picture. */
function still(lines: readonly string[]): string {
  return lines
    .map((line) =>
      line
        .replace(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/g, "⠋")
        .replace(/· (?:19|2\d)s/, "· 20s")
        .replace(/0:2\d$/, "0:20"),
    )
    .join("\n");
}

describe.skipIf(tmux === null)("on a terminal", () => {
  test("a run at 100 columns is a tree, and its end is the summary", async () => {
    const terminal = open(100, 40, "half-failed", 19);
    const halfWay = still(await terminal.screen("⊘ blocked by docker image"));
    expect(halfWay).toBe(
      `
create · fleet mylabs.dev · sandbox                                                4 clusters · 0:20

local  docker             docker  ✔ 1  ✘ image  docker.io/rancher/k3s:v1.36.1-k3s1 can't be p… ✘ 12s
       ├ kind01.internal  docker  ⠋ kind  waiting for 1 of 2 nodes · 20s
       ├ kind02.internal  docker  ✘ kind  port 6443 of 127.0.0.1 is taken by container old-reg… ✘ 9s
       ├ k3d01.internal   docker  ✔ k3d  ✔ kubeconfig  ✔ Argo CD  5 healthy                     ✔ 2s
       └ k3d02.internal   docker  ⊘ blocked by docker image
`.trim(),
    );
    terminal.goOn();
    const end = await terminal.screen("the end");
    expect(end[0]).toBe(
      "create · fleet mylabs.dev · sandbox                                                4 clusters · 1:05",
    );
    expect(end).toContain("kind01.internal    created      3 made     5 healthy    1m 4s");
    expect(end).toContain("  do    docker rm --force old-registry");
    expect(end.join("\n")).not.toContain("unhandled");
    expect(end.at(-1)).toBe("0 interrupts, the end");
  });

  test("a plan ends with what would change, without its tree", async () => {
    const terminal = open(100, 40, "plan", 2);
    await terminal.screen("plan · fleet mylabs.dev");
    terminal.goOn();
    const end = (await terminal.screen("the end")).filter((line) => line !== "");
    expect(end[0]).toBe("kind01.internal");
    expect(end[1]).toBe("  +    1 resource: kind");
  });

  test("an interrupt is left to whoever handles signals", async () => {
    const terminal = open(100, 40, "half-failed", 19);
    await terminal.screen("⊘ blocked by docker image");
    terminal.type("C-c");
    await Bun.sleep(50);
    terminal.goOn();
    // listr2's own handler would have ended the process with 127
    expect((await terminal.screen("the end")).at(-1)).toBe("1 interrupts, the end");
  });

  test("a process that ends early gives back the cursor and keeps the last picture", async () => {
    const terminal = open(100, 40, "leave", 19);
    await terminal.screen("⊘ blocked by docker image");
    terminal.goOn();
    const lines = await terminal.screen("left early");
    expect(lines.join("\n")).toContain("⊘ blocked by docker image");
    expect(terminal.ask("#{cursor_flag}")).toBe("1");
  });

  test("names stay whole at 40 columns, and no line wraps", async () => {
    const terminal = open(40, 30, "large", 1_000);
    const lines = await terminal.screen("✘ role");
    expect(lines.filter((line) => line.includes(".mylabs.dev")).length).toBe(12);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(40);
    expect(lines.length).toBe(27);
    expect(still(lines.slice(0, 6))).toBe(
      `
create · fleet mylabs.dev           0:20

aws-mgmt                  ✔ role  ✔ 0.4s
aws-01                    ✔ role  ✔ 0.4s
├ k01.k8s.aws.mylabs.dev  ⠋ cluster  wa…
└ k02.k8s.aws.mylabs.dev  ✔ 2       ✔ 2s
`.trim(),
    );
  });

  test.each([24, 10])(
    "25 rows fit a terminal of %p lines: work and failures are shown, the rest is counted",
    async (rows) => {
      const terminal = open(100, rows, "large", 1_000);
      const lines = await terminal.screen("10 done, 2 blocked, 8 waiting");
      expect(lines.length).toBeLessThan(rows);
      expect(lines[0]).toStartWith("create · fleet mylabs.dev");
      expect(lines.filter((line) => line.includes("waiting for 2 of 3 nodes")).length).toBe(4);
      expect(lines.filter((line) => line.includes("✘ role")).length).toBe(1);
      // nothing was pushed out above the first line
      expect(terminal.ask("#{history_size}")).toBe("0");
    },
  );
});
