import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { readEnvironment } from "#lib/environment.ts";
import { isLocal } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { sandboxState } from "#lib/sandbox.ts";
import { fleet as twoLocal } from "#tests/fixtures/fleets/valid/two-local.ts";

setDefaultTimeout(120_000);

const own = join(projectRoot, "node_modules/.bin/mise");
const mise = (await Bun.file(own).exists()) ? own : Bun.which("mise");
if (mise === null) process.stderr.write("skipped: tasks run by mise (it is not installed)\n");

const folder = await mkdtemp(join(tmpdir(), "mise-"));
const bin = join(folder, "bin");
/** What a person has, and nothing of the settings of whoever runs the tests. Tools are not fetched. */
const env: Readonly<Record<string, string>> = {
  PATH: [bin, Bun.env.PATH ?? ""].join(delimiter),
  HOME: folder,
  TERM: "xterm-256color",
  MISE_TRUSTED_CONFIG_PATHS: projectRoot,
  MISE_DISABLE_TOOLS: "bun,k3d,kind,kubectl",
  MISE_OFFLINE: "1",
  CLUSTERS_DIRECTORY: folder,
  FLEET_FILE: join(folder, "fleet.json"),
};
const sandbox = ["--state", sandboxState(readEnvironment(env))];

beforeAll(async () => {
  // On ports of their own: other tests need theirs to be free.
  const clusters = twoLocal.clusters.map((one) => (isLocal(one) ? { ...one, apiPort: one.apiPort + 20 } : one));
  await Bun.write(join(folder, "fleet.json"), JSON.stringify({ ...twoLocal, clusters }));
  await mkdir(bin);
  await symlink(process.execPath, join(bin, "bun"));
  await symlink(mise ?? "", join(bin, "mise"));
  Bun.spawnSync([process.execPath, join(projectRoot, "sandbox/main.ts"), "up", "--speed", "50", ...sandbox], { env });
});
afterAll(async () => {
  Bun.spawnSync([process.execPath, join(projectRoot, "sandbox/main.ts"), "reset", ...sandbox], { env });
  await rm(folder, { recursive: true, force: true });
});

/** A command line as in the README, typed on a terminal of 100 columns. `answer` is typed once it is asked for. */
async function typed(line: string, answer?: string) {
  let screen = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn(["/bin/sh", "-c", line], {
    cwd: projectRoot,
    env,
    terminal: {
      cols: 100,
      rows: 40,
      data(terminal, data) {
        const before = screen;
        screen += decoder.decode(data, { stream: true });
        const asked = "Type yes to continue";
        if (answer !== undefined && !before.includes(asked) && screen.includes(asked)) terminal.write(`${answer}\n`);
      },
    },
  });
  const exitCode = await child.exited;
  return { exitCode, screen, lines: Bun.stripANSI(screen).split(/\r?\n/) };
}

/** The same with its output in a pipe. */
function piped(line: string) {
  const child = Bun.spawnSync(["/bin/sh", "-c", line], { cwd: projectRoot, env, stdin: "ignore" });
  return { exitCode: child.exitCode, stdout: child.stdout.toString(), stderr: child.stderr.toString() };
}

const hidesCursor = "\u001b[?25l";

describe.skipIf(mise === null)("mise", () => {
  test("runs a task on the terminal, with its tree and its questions, and leaves its output alone", async () => {
    const planned = piped("mise run plan --json --sandbox");
    expect(planned.exitCode).toBe(0);
    const kinds = planned.stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect([kinds[0], kinds.at(-1)]).toEqual(["run-started", "run-finished"]);

    const made = await typed("mise run create-kind-all --sandbox");
    expect(made.exitCode).toBe(0);
    expect(made.screen).toContain(hidesCursor);
    expect(made.lines.some((line) => /^local +docker +[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✔]/.test(line))).toBe(true);
    expect(made.lines.join("\n")).toContain("mise run status --provider kind --sandbox");

    const entered = piped('eval "$(mise run sandbox:env)" && kind get clusters');
    expect([entered.exitCode, entered.stdout]).toEqual([0, "test-kind.internal\n"]);

    const gone = await typed("mise run delete-kind-all --sandbox", "yes");
    expect(gone.exitCode).toBe(0);
    expect(gone.lines.some((line) => /^test-kind\.internal +removed/.test(line))).toBe(true);
  });

  test("runs several tasks at once without a tree, each line with its task", async () => {
    const made = await typed("mise run create-kind-all --sandbox ::: create-k3d-all --sandbox");
    expect(made.exitCode).toBe(0);
    expect(made.screen).not.toContain(hidesCursor);
    for (const [task, name] of [
      ["create-kind-all", "test-kind.internal"],
      ["create-k3d-all", "test-k3d.internal"],
    ]) {
      expect(made.lines.some((line) => line.startsWith(`[${task}] ${name} `) && line.includes(" created "))).toBe(true);
    }
    const refused = await typed("mise run delete-kind-all --sandbox ::: delete-k3d-all --sandbox");
    expect(refused.exitCode).toBe(2);
    expect(refused.screen).toContain("(ConfirmationNeeded)");
    const gone = await typed("mise run delete-kind-all --yes --sandbox ::: delete-k3d-all --yes --sandbox");
    expect(gone.exitCode).toBe(0);
  });
});
