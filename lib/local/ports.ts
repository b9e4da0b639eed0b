import { createServer } from "node:net";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import { listContainers } from "#lib/local/docker.ts";
import type { World } from "#lib/world.ts";

/** @throws FleetError PortTaken, which names who has it where that can be found out */
export async function requireFreePort(world: World, port: number): Promise<void> {
  if (await isFree(port)) return;
  throw portTaken(port, await holderOf(world, port));
}

export function portTaken(port: number, holder: string | undefined): FleetError {
  const who = holder === undefined ? "" : ` by ${holder}`;
  return new FleetError("PortTaken", `port ${port} on 127.0.0.1 is taken${who}`, {
    hint: `end what holds it, or give the cluster another apiPort in clusters/ and run bun run generate`,
  });
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error) => (isErrno(error, "EADDRINUSE", "EACCES") ? resolve(false) : reject(error)));
      server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(true));
    });
  } finally {
    server.close();
  }
}

/** Who listens on a port: a container of Docker, else a process as `lsof` or `ss` name it. */
export async function holderOf(world: World, port: number): Promise<string | undefined> {
  const containers = await listContainers(world, [`publish=${port}`]);
  if (containers.length > 0) return `container ${containers.map((container) => container.name).join(", ")}`;
  const lsof = await look(world, "lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"]);
  const pid = /^p(\d+)$/m.exec(lsof)?.[1];
  if (pid !== undefined) return `process ${/^c(.+)$/m.exec(lsof)?.[1] ?? "?"} (${pid})`;
  const ss = await look(world, "ss", ["-ltnpH", `sport = :${port}`]);
  const named = /users:\(\("([^"]+)",pid=(\d+)/.exec(ss);
  return named === null ? undefined : `process ${named[1]} (${named[2]})`;
}

/** Output of a program that may be missing or refuse: then there is simply nothing to say. */
async function look(world: World, program: string, args: readonly string[]): Promise<string> {
  try {
    return (await world.exec.attempt(program, args, { signal: world.signal, timeoutMs: 5_000 })).stdout;
  } catch (error) {
    if (error instanceof FleetError) return "";
    throw error;
  }
}
