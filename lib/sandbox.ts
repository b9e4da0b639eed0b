import { join } from "node:path";
import { type Environment, withVariables } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import { projectRoot } from "#lib/paths.ts";

/**
 * Starts the sandbox unless it runs, and gives the environment in which the same programs and endpoints lead into it. A
 * process of its own, because it outlives every command, and because nothing in lib/ may know how it works inside.
 */
export async function enterSandbox(environment: Environment, state: string): Promise<Environment> {
  const main = join(projectRoot, "sandbox", "main.ts");
  const child = Bun.spawn([process.execPath, main, "up", "--state", state], {
    env: environment.variables,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode !== 0) {
    throw new FleetError("SandboxFailed", "the sandbox did not start", {
      hint: `see ${join(state, "daemon.log")}, or begin anew: mise run sandbox:reset`,
      details: stderr.trim().split("\n").slice(-5),
    });
  }
  const answer = JSON.parse(stdout) as { readonly env: Readonly<Record<string, string>> };
  return withVariables(environment, answer.env);
}
