import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { checkInstallation } from "#lib/installation.ts";
import { projectRoot } from "#lib/paths.ts";
import { taskName } from "#lib/task-name.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "installation-"));
  await write("package.json", {
    packageManager: "bun@1.4.5",
    engines: { bun: ">=1.4.5" },
    dependencies: { "@scope/one": "1.2.3", two: "2.0.0" },
  });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const write = (path: string, value: unknown): Promise<number> => Bun.write(join(root, path), JSON.stringify(value));
const install = (name: string, version: string) => write(`node_modules/${name}/package.json`, { name, version });

function refusal(bun?: string): unknown {
  try {
    checkInstallation(root, bun ?? "1.4.5");
    return undefined;
  } catch (error) {
    return error instanceof FleetError ? `${error.code}: ${error.message} | ${error.hint}` : error;
  }
}

describe("an installation", () => {
  test("is fine with the pinned packages, and with no packages at all, which Bun then fetches", async () => {
    expect(refusal()).toBeUndefined();
    await install("@scope/one", "1.2.3");
    await install("two", "2.0.0");
    expect(refusal()).toBeUndefined();
    expect(refusal("1.10.0")).toBeUndefined();
  });

  test("of an older Bun is refused with the command that runs the right one", () => {
    for (const old of ["1.4.4", "1.1.0", "0.8.1"]) {
      expect(refusal(old)).toBe(
        `BunTooOld: this is Bun ${old}, and package.json requires >=1.4.5 | npx --yes bun@1.4.5 run tasks/${taskName()}.ts, or: mise install`,
      );
    }
  });

  test("with a package that is missing, cut off or of another version is refused", async () => {
    await install("@scope/one", "1.2.2");
    await install("two", "2.0.0");
    const hint = "bun install --frozen-lockfile";
    const rule = "PackagesOutdated: node_modules does not match package.json";
    expect(refusal()).toBe(`${rule}: @scope/one is 1.2.2, not 1.2.3 | ${hint}`);
    await Bun.write(join(root, "node_modules/two/package.json"), '{"name": "two", "ver');
    expect(refusal()).toBe(`${rule}: @scope/one is 1.2.2, not 1.2.3 (and 1 more) | ${hint}`);
    await install("@scope/one", "1.2.3");
    await rm(join(root, "node_modules/two"), { recursive: true });
    expect(refusal()).toBe(`${rule}: two is not installed | ${hint}`);
  });
});

describe("a task", () => {
  const run = async (...args: readonly string[]) => {
    const child = Bun.spawn([process.execPath, "run", ...args], {
      cwd: root,
      // No package can be had from anywhere.
      env: {
        PATH: Bun.env.PATH ?? "",
        HOME: root,
        BUN_INSTALL_CACHE_DIR: join(root, "cache"),
        BUN_CONFIG_REGISTRY: "http://127.0.0.1:9",
      },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { exitCode: await child.exited, stdout, stderr };
  };
  beforeEach(async () => {
    for (const name of ["lib", "tasks", "clusters", "package.json", "tsconfig.json", "bunfig.toml"]) {
      await cp(join(projectRoot, name), join(root, name), {
        recursive: true,
        filter: (path) => !path.includes("/clusters/."),
      });
    }
  });

  test.each([["fleet"], ["status"], ["kube-token"]])(
    "without its packages ends with one line and a command: %s",
    async (task) => {
      await Bun.write(join(root, "node_modules/.keep"), "");
      const ended = await run(`tasks/${task}.ts`);
      expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
      expect(ended.stderr.split("\n")).toEqual([
        expect.stringMatching(
          /^node_modules does not match package.json: \S+ is not installed \(and \d+ more\) \(PackagesOutdated\)$/,
        ),
        "hint: bun install --frozen-lockfile",
        "",
      ]);
      expect(await run(`tasks/${task}.ts`, "--help")).toMatchObject({ exitCode: 0, stderr: "" });
    },
  );

  test("whose packages cannot be fetched names the package", async () => {
    const ended = await run("tasks/fleet.ts");
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toMatch(/^Cannot find package '\S+' imported from .* \(PackagesOutdated\)\nhint: bun install/);
  });
});
