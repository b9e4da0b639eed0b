import { createServer } from "node:net";

/** An AWS that nobody here wrote (https://pypi.org/project/ministack), with trust policies evaluated, on loopback. */
export interface Ministack {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Undefined where it isn't installed; `.ci/run` installs it. */
export const ministack = Bun.env.MINISTACK ?? Bun.which("ministack") ?? undefined;

const startMs = 30_000;

export async function openMinistack(): Promise<Ministack> {
  if (ministack === undefined) throw new Error("ministack is not installed here");
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = Bun.spawn([ministack], {
    env: {
      PATH: Bun.env.PATH ?? "",
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      AUTH: "true",
      // It would look for a Docker to run databases in.
      DOCKER_HOST: "unix:///nonexistent/docker.sock",
    },
    stdout: "ignore",
    stderr: "ignore",
  });
  const deadline = performance.now() + startMs;
  for (;;) {
    const answers = await fetch(`${endpoint}/_ministack/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (answers) break;
    if (performance.now() > deadline) throw new Error("ministack did not start");
    await Bun.sleep(50);
  }
  return {
    endpoint,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
