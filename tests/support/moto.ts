import { createServer } from "node:net";

/** Another AWS that nobody here wrote (https://pypi.org/project/moto), on loopback. */
export interface Moto {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Undefined where it isn't installed; `.ci/run` installs it. */
export const moto = Bun.env.MOTO_SERVER ?? Bun.which("moto_server") ?? undefined;

const startMs = 30_000;

/** @param account that every key is of */
export async function openMoto(account = "123456789012"): Promise<Moto> {
  if (moto === undefined) throw new Error("moto is not installed here");
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = Bun.spawn([moto, "-H", "127.0.0.1", "-p", String(port)], {
    env: { PATH: Bun.env.PATH ?? "", MOTO_ACCOUNT_ID: account },
    stdout: "ignore",
    stderr: "ignore",
  });
  const deadline = performance.now() + startMs;
  for (;;) {
    const answers = await fetch(`${endpoint}/moto-api/data.json`).then(
      (response) => response.ok,
      () => false,
    );
    if (answers) break;
    if (performance.now() > deadline || child.exitCode !== null) {
      child.kill();
      throw new Error("moto did not start");
    }
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
