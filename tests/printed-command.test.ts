import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { RunOptions } from "#lib/commands/run-options.ts";
import { suggestNext } from "#lib/commands/suggest.ts";
import { reportError } from "#lib/error-report.ts";
import { FleetError } from "#lib/errors.ts";
import type { Outcome } from "#lib/graph/events.ts";
import { cautious } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";
import { formatHint, isTaskCommand, taskCommand } from "#lib/printed-command.ts";
import { create } from "#lib/verbs/create.ts";
import { remove } from "#lib/verbs/delete.ts";
import type { Verb } from "#lib/verbs/engine.ts";
import { plan } from "#lib/verbs/plan.ts";
import { status } from "#lib/verbs/status.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";

const [argv, executable, variables] = [process.argv, process.execPath, { ...Bun.env }];
const startedBy = (given: Readonly<Record<string, string>>, ...args: readonly string[]): void => {
  for (const name of ["MISE_TASK_NAME", "npm_command"]) delete Bun.env[name];
  Object.assign(Bun.env, given);
  process.argv = [...argv.slice(0, 2), ...args];
  // Whatever has started the tests.
  process.execPath = "/usr/bin/bun";
};
beforeEach(() => startedBy({}));
afterEach(() => {
  startedBy({});
  Object.assign(Bun.env, variables);
  process.argv = argv;
  process.execPath = executable;
});

const list = (pattern: string): readonly string[] => [...new Bun.Glob(pattern).scanSync(projectRoot)];
const textOf = async (path: string): Promise<string> => await Bun.file(join(projectRoot, path)).text();

/** Every command that the program may print: task, and the options that stand behind it. */
async function printedCommands(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, Set<string>>();
  for (const path of ["lib/**/*.ts", "tasks/**/*.ts", "sandbox/**/*.ts"].flatMap(list)) {
    for (const [, task = "", rest = ""] of (await textOf(path)).matchAll(/\b(?:taskC|c)ommand\("([^"]+)"([^()]*)\)/g)) {
      const options = found.get(task) ?? new Set();
      for (const [, option = ""] of rest.matchAll(/"--([\w-]+)"/g)) options.add(option);
      found.set(task, options);
    }
  }
  return found;
}

describe("a command that is printed", () => {
  test("is typed the way in which this one was", () => {
    expect(taskCommand("create:aws-mgmt:user", "--apply")).toBe("bun run tasks/create/aws-mgmt/user.ts --apply");
    startedBy({ npm_command: "exec" });
    expect(taskCommand("status")).toBe(`npx --yes bun@${Bun.version} run tasks/status.ts`);
    startedBy({ MISE_TASK_NAME: "create-all" });
    expect(taskCommand("status", "a b")).toBe("mise run status 'a b'");
  });

  test("is about the same fleet and the same sandbox", () => {
    startedBy({}, "--sandbox", "--fleet", "my fleet.ts");
    expect(taskCommand("status")).toBe("bun run tasks/status.ts --sandbox --fleet 'my fleet.ts'");
    startedBy({}, "--fleet=my.ts");
    expect(taskCommand("whoami")).toBe("bun run tasks/whoami.ts --fleet my.ts");
    startedBy({}, "--sandbox", "--fleet=my.ts");
    expect(taskCommand("argocd:pin")).toBe("bun run tasks/argocd/pin.ts");
    expect(taskCommand("argocd:open", "kind01.internal")).toBe(
      "bun run tasks/argocd/open.ts kind01.internal --sandbox",
    );
  });

  test("is known among other texts", () => {
    expect([isTaskCommand(`${taskCommand("status")} shows it`), isTaskCommand("it goes with its stack")]).toEqual([
      true,
      false,
    ]);
  });

  test("has a task, which has its options and those that are shared", async () => {
    const commands = await printedCommands();
    expect(commands.size).toBeGreaterThan(10);
    startedBy({}, "--sandbox", "--fleet", "my.ts");
    for (const [task, options] of commands) {
      const head = await textOf(`tasks/${task.replaceAll(":", "/")}.ts`);
      const shared = [...taskCommand(task).matchAll(/--([\w-]+)/g)].map(([, name = ""]) => name);
      for (const name of [...options, ...shared]) {
        expect([task, name, head.includes(`//USAGE flag "--${name}`)]).toEqual([task, name, true]);
      }
    }
  });

  test("is written by nobody by hand", async () => {
    for (const path of list("lib/**/*.ts")) {
      // What runs in a container, and help, which shows both ways.
      if (["lib/commands/docker-one-liner.ts", "lib/cli/options.ts", "lib/printed-command.ts"].includes(path)) continue;
      const code = (await textOf(path)).replaceAll(/\/\*\*?[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
      expect({ path, isByHand: /mise run |bun run tasks/.test(code) }).toEqual({ path, isByHand: false });
    }
  });

  test("is data in a hint, until it is shown", async () => {
    const hint = ["start it: ", command("create-all", "kind01.internal"), ", then wait"];
    expect(formatHint(hint)).toBe("start it: bun run tasks/create-all.ts kind01.internal, then wait");
    startedBy({ MISE_TASK_NAME: "create-all" });
    expect(formatHint(hint)).toBe("start it: mise run create-all kind01.internal, then wait");
    expect(reportError(new FleetError("Unexpected", "no", { hint })).hint).toBe(formatHint(hint));
    expect(formatHint("free some space")).toBe("free some space");
  });

  test("is no string in a hint", async () => {
    for (const path of ["lib/**/*.ts", "tasks/**/*.ts"].flatMap(list)) {
      const hint = /\b(hint|remedy)(:| =)[^;]{0,120}(taskCommand\(|\b(mise|bun) run )/i.exec(await textOf(path))?.[0];
      expect({ path, hint }).toEqual({ path, hint: undefined });
    }
  });
});

describe("what is proposed next", () => {
  const next = (
    verb: Verb,
    exitCode: number,
    totals: Partial<Record<Outcome, number>>,
    more: Partial<RunOptions> = {},
  ) =>
    suggestNext(verb, {
      exitCode,
      totals,
      clusters: fleet.clusters,
      paths: pathsBelow("/nonexistent"),
      asked: [],
      options: {
        ...cautious,
        selection: { clusters: [], accounts: [], providers: [], targets: [] },
        json: false,
        verbose: false,
        sandbox: false,
        dryRun: false,
        yes: false,
        gitops: {},
        ...more,
      },
    });
  const task = (name: string, ...args: readonly string[]): string => taskCommand(name, ...args);

  test("deletes nothing", () => {
    for (const verb of [create, plan, status, remove]) {
      for (const sandbox of [true, false]) {
        for (const exitCode of [0, 1]) {
          expect(next(verb, exitCode, { degraded: 1, absent: 1 }, { sandbox }).join()).not.toContain("delete");
        }
      }
    }
  });

  test("is about the same clusters, and leaves Argo CD alone where the command did", () => {
    const selection = { within: ["kind"], clusters: ["kind01.internal"], accounts: [], providers: [], targets: [] };
    expect(next(create, 0, {}, { selection })).toEqual([task("status", "kind01.internal")]);
    expect(next(create, 0, {}, { gitops: undefined })).toEqual([task("status", "--no-gitops")]);
    expect(next(plan, 0, {}, { selection, gitops: { revision: "next" } })).toEqual([
      task("create-all", "kind01.internal", "--revision", "next"),
    ]);
  });

  test.each([130, 143])("after an interrupt (%p) is the same command, and a delete asks again", (exitCode) => {
    startedBy({}, "--sandbox", "--jobs", "1", "--yes", "kind01.internal");
    const [again = ""] = next(create, exitCode, {});
    expect(again).toEndWith(".ts --sandbox --jobs 1 --yes kind01.internal");
    expect(next(remove, exitCode, {})).toEqual([again.replace(" --yes", "")]);
    expect(next(remove, 1, {})).toEqual([]);
  });

  test("after a dry run is the same command, which asks before it deletes", () => {
    startedBy({}, "--dry-run", "--yes", "--fleet", "my fleet.ts", "kind01.internal");
    const [command = "", ...others] = next(plan, 0, {}, { dryRun: true });
    expect(others).toEqual([]);
    expect(command).toEndWith(".ts --fleet 'my fleet.ts' kind01.internal");
  });

  test("is no create after a plan that failed, and none where something is degraded", () => {
    expect(next(plan, 1, { failed: 1 })).toEqual([]);
    expect(next(status, 1, { absent: 1, degraded: 1 })).toEqual([task("plan")]);
  });

  test("after a status is what helps", () => {
    expect(next(status, 0, { healthy: 3 })).toEqual([]);
    expect(next(status, 1, { absent: 1, healthy: 3 })).toEqual([task("create-all")]);
    expect(next(status, 1, { degraded: 1, healthy: 3 })).toEqual([task("plan")]);
    expect(next(status, 1, { degraded: 1, absent: 1 }, { allowAbsent: true })).toEqual([task("plan")]);
  });

  test("is about the same part of the fleet", () => {
    const selection = {
      clusters: ["kind01.internal"],
      accounts: ["aws-01"],
      providers: [],
      targets: [],
      within: ["kind"],
    };
    const args = ["kind01.internal", "--account", "aws-01"];
    expect(next(create, 0, {}, { selection })).toEqual([task("status", ...args)]);
    expect(next(status, 1, { absent: 1 }, { selection })).toEqual([task("create-all", ...args)]);
    expect(next(create, 0, {}, { accounts: { provider: "aws", of: "management" } })).toEqual([task("whoami")]);
  });
});
