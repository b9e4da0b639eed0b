import { expect } from "bun:test";
import { readdir, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { formatPlugin, type Plugin } from "#lib/cloud/exec-plugin.ts";
import { projectRoot } from "#lib/paths.ts";
import { type Credential, minutesLeft } from "#tests/support/kube-token.ts";

type Variables = Readonly<Record<string, string>>;

export interface PluginOptions {
  /** Of its cache: `azure`. */
  readonly cloud: string;
  /** @param fleetFile in the folder of the test's state */
  plugin(fleetFile: string): Plugin;
  /** What no message may have. */
  readonly secrets: RegExp;
  /** Of the test that runs: a folder, and variables that lead to its server. */
  place(): { readonly state: string; readonly variables: Variables };
}

/** Runs a plugin of kubectl as kubeconfigs call it. Variables that are empty aren't set. */
export function kubePlugin({ cloud, plugin, secrets, place }: PluginOptions) {
  async function run(env: Variables = {}, more: readonly string[] = []) {
    const { state, variables } = place();
    const { command, args } = formatPlugin(plugin(join(state, "fleet.json")), {
      bun: process.execPath,
      root: projectRoot,
      state,
      environment: {},
    });
    const child = Bun.spawn([command, ...(args ?? []), ...more], {
      cwd: "/",
      env: { PATH: Bun.env.PATH ?? "", HOME: state, ...variables, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
  }

  async function credentialOf(env?: Variables): Promise<Credential> {
    const { stdout, stderr, exitCode } = await run(env);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    return JSON.parse(stdout) as Credential;
  }

  const folder = (): string => join(place().state, ".cache", cloud);
  const cached = async (): Promise<readonly string[]> =>
    (await readdir(folder())).filter((name) => name.endsWith(".json"));

  return {
    credentialOf,
    folder,
    cached,
    /** What is refused says why, and prints nothing that a client could take for a credential, and no secret. */
    async refusalOf(env?: Variables, more?: readonly string[]): Promise<string> {
      const { stdout, stderr, exitCode } = await run(env, more);
      expect(stdout).toBe("");
      expect(exitCode).toBeGreaterThan(0);
      expect(stderr).toContain("\nhint: ");
      expect(stderr).not.toMatch(secrets);
      return stderr;
    },
    async ageCache(seconds: number): Promise<void> {
      const then = Date.now() / 1_000 - seconds;
      for (const name of await cached()) await utimes(join(folder(), name), then, then);
    },
    /** Good for almost an hour, and in a file that only its owner can read. */
    async expectCached(credential: Credential): Promise<void> {
      expect(credential.apiVersion).toBe("client.authentication.k8s.io/v1");
      const [name = ""] = await cached();
      expect((await stat(join(folder(), name))).mode & 0o777).toBe(0o600);
      expect(minutesLeft(credential)).toBeGreaterThan(56);
      expect(minutesLeft(credential)).toBeLessThan(59);
    },
  };
}
