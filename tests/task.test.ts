import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { runScript, withFolder } from "#tests/support/processes.ts";

setDefaultTimeout(60_000);

const tasks = [...new Bun.Glob("tasks/**/*.ts").scanSync(projectRoot)].sort();

/** Two at a time, as CI machines bear. */
async function forEachTask(work: (task: string) => Promise<void>): Promise<void> {
  const queue = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await work(task);
  };
  await Promise.all([worker(), worker()]);
}

describe("every task", () => {
  test("explains itself", async () => {
    await forEachTask(async (task) => {
      const { exitCode, stdout, stderr } = await runScript(task, ["--help"]);
      expect({ task, exitCode, stderr }).toEqual({ task, exitCode: 0, stderr: "" });
      expect(stdout).toContain(`bun run ${task}`);
    });
  });

  test("does nothing when it is imported", async () => {
    await withFolder(async (folder) => {
      const script = join(folder, "import.ts");
      await writeFile(
        script,
        tasks.map((task) => `await import(${JSON.stringify(join(projectRoot, task))});\n`).join(""),
      );
      const child = Bun.spawnSync([process.execPath, script], { env: { ...Bun.env, CLUSTERS_DIRECTORY: folder } });
      expect([child.exitCode, child.stdout.toString(), child.stderr.toString()]).toEqual([0, "", ""]);
      expect(await readdir(folder)).toEqual(["import.ts"]);
    });
  });
});

test("with --detailed-exitcode every error before a plan is 1, because 2 means changes", async () => {
  for (const args of [["--jsn"], ["nobodys.internal"]]) {
    const { exitCode } = await runScript("tasks/plan.ts", [...args, "--detailed-exitcode"]);
    expect({ args, exitCode }).toEqual({ args, exitCode: 1 });
  }
});

test("help loads no library", async () => {
  await withFolder(async (folder) => {
    const probe = join(folder, "probe.ts");
    await writeFile(
      probe,
      'process.on("exit", () => process.stderr.write(JSON.stringify(Object.keys(require.cache))));\n',
    );
    const command = [process.execPath, "run", "--preload", probe, "tasks/status.ts", "--help"];
    const child = Bun.spawnSync(command, { cwd: projectRoot });
    const loaded = JSON.parse(child.stderr.toString()) as readonly string[];
    expect(loaded.some((path) => path.endsWith("lib/cli/options.ts"))).toBe(true);
    expect(loaded.filter((path) => path.includes("node_modules"))).toEqual([]);
  });
});

describe("a bad start ends with exit code 2, one clear line and a hint", () => {
  const fails = async (args: readonly string[], env: Readonly<Record<string, string>> = {}, task = "status") => {
    const { exitCode, stdout, stderr } = await runScript(`tasks/${task}.ts`, args, { CI: "1", ...env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).not.toMatch(/^\s+at /m);
    return stderr;
  };

  test("unknown option", async () => {
    expect(await fails(["--jsn"])).toBe(
      "unknown option --jsn (UnknownFlag)\nhint: did you mean --json? all options: --help\n",
    );
  });

  test("Argo CD's web interface in the sandbox", async () => {
    const { exitCode, stderr } = await runScript("tasks/argocd/open.ts", ["--sandbox", "kind01.internal"]);
    expect(exitCode).toBe(2);
    expect(stderr).toStartWith(
      "the sandbox emulates Argo CD's applications and not its web interface (InvalidArgument)\nhint: ",
    );
  });

  test("unknown cluster", async () => {
    const said = await fails(["nobodys.internal"]);
    expect(said).toContain('unknown cluster "nobodys.internal" (UnknownCluster)');
    expect(said).toContain("there are: ");
  });

  test.each([
    [["k01.k8s.gcp.mylabs.dev"]],
    [["kind01.internal", "k01.k8s.gcp.mylabs.dev"]],
    [["--provider", "gcp"]],
    [["--account", "gcp-01"]],
  ])("clusters in placeholders of accounts: %j", async (args) => {
    const said = await fails(["--fleet", "tests/fixtures/fleets/default/fleet.ts", ...args], {}, "create-all");
    expect(said).toContain("k01.k8s.gcp.mylabs.dev: the project of gcp-mgmt is a placeholder");
    expect(said).toContain("(PlaceholderAccount)");
  });

  test("a fleet that breaks a rule", async () => {
    const said = await fails(["--fleet", "tests/fixtures/fleets/invalid/unknown-cluster.ts"]);
    expect(said).toContain("(InvalidFleet)");
    expect(said).toContain("hint:");
  });

  test("a stack is shown where it is asked for", async () => {
    const { stderr } = await runScript("tasks/status.ts", ["nobodys.internal", "--verbose"]);
    expect(stderr).toMatch(/^\s+at /m);
  });

  test("no terminal and no --yes", async () => {
    expect(await fails([], {}, "delete-all")).toContain("(ConfirmationNeeded)");
  });

  test("no docker", async () => {
    const said = await fails(["--no-gitops"], { PATH: "/nowhere" }, "create-all");
    expect(said).toContain("docker is not installed, or not in PATH (ProgramMissing)");
    expect(said).toContain("https://docs.docker.com/get-docker/");
  });

  test.each([
    ["Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?", "DockerUnreachable"],
    [
      "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
      "DockerDenied",
    ],
  ])("docker says: %s", async (words, code) => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, "docker"), `#!/bin/sh\necho '${words}' >&2\nexit 1\n`);
      await chmod(join(folder, "docker"), 0o755);
      const said = await fails(
        ["--no-gitops"],
        { PATH: `${folder}:${Bun.env.PATH ?? ""}`, CLUSTERS_DIRECTORY: folder },
        "create-all",
      );
      expect(said).toContain(`(${code})`);
      expect(said).toContain("--sandbox");
    });
  });
});
