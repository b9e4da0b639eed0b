import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { readEnvironment } from "#lib/environment.ts";
import { createExec, type ExecOptions, lastLines } from "#lib/exec.ts";
import { failureOf } from "#tests/support/failure.ts";
import { eventually, membersOf, runScript, startFixture, withFolder } from "#tests/support/processes.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

const { variables } = readEnvironment();
const exec = createExec(variables);
const bun = process.execPath;

/** Runs a line of shell. */
const sh = (script: string, options?: ExecOptions) => exec({ nothrow: true, ...options })`sh -c ${script}`;

describe("arguments", () => {
  const echo = async (args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await exec`sh -c ${`for word; do printf '%s\\0' "$word"; done`} sh ${args}`;
    return stdout.split("\0").slice(0, -1);
  };

  test("arrive as they were given", async () => {
    const args = [
      "a b",
      "",
      "it's",
      '"x"',
      "$HOME",
      "$(id)",
      "`id`",
      "line\nline\n",
      "\\",
      "\\n",
      "*",
      "~",
      "-e",
      "ž🎉",
    ];
    expect(await echo(args)).toEqual(args);
  });

  test("arrive as they were given, whatever they hold", async () => {
    const word = fc.string({ unit: "binary", maxLength: 20 }).filter((text) => !text.includes("\0"));
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 30 }), async (args) => {
        expect(await echo(args)).toEqual(args);
      }),
      { numRuns: 15 },
    );
  });

  test("may be a part of a word", async () => {
    const { stdout } = await exec`printf %s, --name=${"a b"} -p${6443} ${[]}`;
    expect(stdout).toBe("--name=a b,-p6443,");
  });

  test("are the only place for what a shell could read", async () => {
    for (const literal of ["ls *", "ls; id", "ls | id", "echo $HOME", "echo {{json .}}", "echo 'a b'", "a\nb", "~/x"]) {
      const pieces = Object.assign([literal], { raw: [literal] });
      await expect(exec(pieces)).rejects.toThrow("write this part of a command as an argument");
    }
  });
});

describe("output", () => {
  test("is told line by line while the program runs", async () => {
    await withFolder(async (folder) => {
      const gate = join(folder, "gate");
      const lines: string[] = [];
      const { stdout } = await sh(`echo first; while [ ! -e '${gate}' ]; do sleep 0.01; done; echo second`, {
        timeout: 5_000,
        onLine(line) {
          lines.push(line);
          if (line === "first") void Bun.write(gate, "");
        },
      });
      expect(lines).toEqual(["first", "second"]);
      expect(stdout).toBe("first\nsecond\n");
    });
  });

  test("is told with the stream that it came from", async () => {
    const lines: string[] = [];
    const result = await sh("echo out; echo error >&2", {
      onLine: (line, stream) => void lines.push(`${stream}: ${line}`),
    });
    expect(lines.sort()).toEqual(["stderr: error", "stdout: out"]);
    expect(result).toEqual({
      command: "sh -c 'echo out; echo error >&2'",
      stdout: "out\n",
      stderr: "error\n",
      exitCode: 0,
    });
  });

  test("is split at carriage returns, and its last line needs no end", async () => {
    const lines: string[] = [];
    await sh(String.raw`printf '10%%\r20%%\r\ndone\n\nlast'`, { onLine: (line) => void lines.push(line) });
    expect(lines).toEqual(["10%", "20%", "done", "last"]);
  });

  test("keeps a character together that comes in pieces", async () => {
    const lines: string[] = [];
    const { stdout } = await sh(
      String.raw`printf '\303'; sleep 0.05; printf '\244\360\237'; sleep 0.05; printf '\216\211\n'`,
      {
        onLine: (line) => void lines.push(line),
      },
    );
    expect(lines).toEqual(["ä🎉"]);
    expect(stdout).toBe("ä🎉\n");
  });

  test("is told without colour", async () => {
    const lines: string[] = [];
    await sh(String.raw`printf '\033[32mgreen\033[0m\n'`, { onLine: (line) => void lines.push(line) });
    expect(lines).toEqual(["green"]);
  });

  test("of a megabyte is complete", async () => {
    let count = 0;
    const { stdout } = await sh("i=0; while [ $i -lt 1024 ]; do printf '%1023s\\n' $i; i=$((i+1)); done", {
      onLine: () => void count++,
    });
    expect({ length: stdout.length, count }).toEqual({ length: 1_048_576, count: 1024 });
  });
});

describe("a program", () => {
  test("that fails is explained by the last lines that it said", async () => {
    const error = await failureOf(
      exec`sh -c ${"echo output; for i in 1 2 3 4 5 6 7 8 9; do echo fault $i >&2; done; exit 3"}`,
    );
    expect(error.code).toBe("ProgramFailed");
    expect(error.message).toContain("ended with exit code 3");
    expect(error.details).toEqual([2, 3, 4, 5, 6, 7, 8, 9].map((i) => `fault ${i}`));
  });

  test("that fails is a result where failing is permitted", async () => {
    expect(await sh("echo no >&2; exit 7")).toMatchObject({ stdout: "", stderr: "no\n", exitCode: 7 });
  });

  test("that isn't there is named, with how to get it", async () => {
    const error = await failureOf(createExec({ PATH: "/nowhere" })`docker ps`);
    expect(error.code).toBe("ProgramMissing");
    expect(error.message).toContain("docker");
    expect(error.hint).toContain("https://docs.docker.com");
  });

  test("gets the environment that was given, and nothing of ours", async () => {
    const { stdout } = await createExec({ PATH: variables.PATH ?? "", GIVEN: "a b\nc" })({
      env: { ADDED: "$x" },
    })`${bun} -e ${"console.log(JSON.stringify(process.env))"}`;
    // These the shell sets by itself.
    const { PWD, SHLVL, OLDPWD, _, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({ PATH: variables.PATH, GIVEN: "a b\nc", ADDED: "$x" });
  });

  test("prefers a variable of the call to one of the run", async () => {
    const own = createExec({ ...variables, WHO: "run" });
    expect((await own({ env: { WHO: "call" } })`sh -c ${'echo "$WHO"'}`).stdout).toBe("call\n");
  });

  test("runs in the folder that was given", async () => {
    await withFolder(async (folder) => {
      expect((await sh("pwd -P", { cwd: folder })).stdout.trim()).toEndWith(folder);
    });
  });

  test("can't read what is typed", async () => {
    expect((await sh("cat")).stdout).toBe("");
  });

  test("runs beside a hundred others", async () => {
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    const results = await Promise.all(numbers.map((index) => exec`sh -c ${`echo ${index}`}`));
    expect(results.map((result) => Number(result.stdout))).toEqual(numbers);
  }, 20_000);
});

describe("the end of a process tree", () => {
  /** A shell that says its process id and waits for its own children. */
  const tree = "sleep 300 & (sleep 300; :) & echo $$; wait";

  /** Runs a script that says its process id first, and calls `then` with it. */
  function startTree(script: string, options: ExecOptions = {}, killAfterMs = 10_000) {
    const started = Promise.withResolvers<number>();
    const run = createExec(variables, { killAfterMs })({
      nothrow: true,
      ...options,
      onLine: (line) => started.resolve(Number(line)),
    })`sh -c ${script}`;
    return { group: started.promise, run };
  }

  test("comes with the time limit, for grandchildren too", async () => {
    const { group, run } = startTree(tree, { timeout: 300 });
    const error = await failureOf(run);
    expect(error.code).toBe("ProgramTimedOut");
    expect(error.message).toContain("sh -c");
    expect(membersOf(await group)).toEqual([]);
  });

  test("comes with an abort, whose reason is thrown", async () => {
    const controller = new AbortController();
    const { group, run } = startTree(tree, { signal: controller.signal });
    const reason = new Error("stop");
    const leader = await group;
    expect(membersOf(leader).length).toBeGreaterThanOrEqual(3);
    controller.abort(reason);
    await expect(run).rejects.toBe(reason);
    expect(membersOf(leader)).toEqual([]);
  });

  test("also comes when this program is killed between its SIGTERM and the SIGKILL", async () => {
    const { child, line } = startFixture("tree", ["abort"]);
    const leader = Number(await line());
    expect(await line()).toBe("aborted");
    child.kill("SIGKILL");
    await child.exited;
    expect(await eventually(() => membersOf(leader).length === 0)).toBe(true);
  });

  test("is thrown also when the program makes it a success", async () => {
    const controller = new AbortController();
    const { group, run } = startTree("trap 'exit 0' TERM; echo $$; while :; do sleep 0.01; done", {
      signal: controller.signal,
    });
    await group;
    controller.abort(new Error("stop"));
    await expect(run).rejects.toThrow("stop");
  });

  test("never begins when it is aborted before", async () => {
    await withFolder(async (folder) => {
      const reason = new Error("too late");
      await expect(sh(`touch '${folder}/x'`, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      expect(await Bun.file(join(folder, "x")).exists()).toBe(false);
    });
  });

  test("is forced on a program that ignores SIGTERM", async () => {
    const controller = new AbortController();
    const { group, run } = startTree(
      "trap '' TERM; echo $$; while :; do sleep 0.05; done",
      { signal: controller.signal },
      200,
    );
    const leader = await group;
    const since = performance.now();
    controller.abort(new Error("stop"));
    await expect(run).rejects.toThrow("stop");
    expect(performance.now() - since).toBeGreaterThan(150);
    expect(membersOf(leader)).toEqual([]);
  });

  test("is forced on a grandchild that ignores SIGTERM and has left our pipes", async () => {
    const controller = new AbortController();
    const stubborn = "(trap '' TERM; sleep 300) >/dev/null 2>&1 &";
    const { group, run } = startTree(`${stubborn} echo $$; wait`, { signal: controller.signal }, 200);
    const leader = await group;
    controller.abort(new Error("stop"));
    await expect(run).rejects.toThrow("stop");
    expect(await eventually(() => membersOf(leader).length === 0)).toBe(true);
  });

  test("comes soon when this program is killed without a word", async () => {
    const { child, line } = startFixture("tree");
    const leader = Number(await line());
    expect(membersOf(leader).length).toBeGreaterThanOrEqual(4);
    child.kill("SIGKILL");
    await child.exited;
    expect(await eventually(() => membersOf(leader).length === 0)).toBe(true);
  });

  test("leaves no watchdog behind, and keeps nobody waiting", async () => {
    const since = performance.now();
    const { stdout, exitCode } = await runScript("tests/fixtures/processes/once.ts");
    expect({ exitCode, prompt: performance.now() - since < 5_000 }).toEqual({ exitCode: 0, prompt: true });
    expect(await eventually(() => membersOf(Number(stdout)).length === 0)).toBe(true);
  });
});

describe("text", () => {
  test("of a command is what a person would type", async () => {
    const { command } = await exec`echo ps --format ${["{{json .}}", "it's", ""]}`;
    expect(command).toBe(`echo ps --format '{{json .}}' 'it'\\''s' ''`);
  });

  test("of a failure is its errors, else its output, without colour and empty lines", () => {
    expect(lastLines({ stdout: "a\n", stderr: "\u001B[31mb\u001B[0m\n\n c\r\n" })).toEqual(["b", " c"]);
    expect(lastLines({ stdout: "a\nb\n", stderr: " \n" }, 1)).toEqual(["b"]);
  });
});
