/** Holds kind/*.yaml and k3d/*.yaml to the programs that read them, without making a cluster. */
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

const faults: string[] = [];

async function check(program: string, args: readonly string[], file: string, accepted: RegExp): Promise<void> {
  const child = Bun.spawn([program, ...args], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
    env: { ...Bun.env, DOCKER_HOST: "tcp://127.0.0.1:1" },
  });
  const text = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
  await child.exited;
  if (!accepted.test(text)) faults.push(`${file}: ${text.trim()}`);
}

for (const file of new Bun.Glob("kind/*.yaml").scanSync(projectRoot)) {
  // With no Docker to talk to, kind gets as far as reading its configuration, and then says that it finds no Docker.
  await check("kind", ["create", "cluster", "--config", join(projectRoot, file)], file, /docker|provider/i);
}
for (const file of new Bun.Glob("k3d/*.yaml").scanSync(projectRoot)) {
  await check("k3d", ["config", "migrate", join(projectRoot, file), "-"], file, /kind: Simple/);
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
