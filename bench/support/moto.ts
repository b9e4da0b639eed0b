import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { findProgram } from "./measure.ts";

/** moto (https://pypi.org/project/moto) on loopback, with the clock held to its calls. */
export interface TimedMoto {
  readonly endpoint: string;
  /** Forgets all that was made. */
  reset(): Promise<void>;
  /** Calls since the last time that this was asked, and moto's own part of their time. */
  spent(): Promise<{ readonly calls: number; readonly ms: number }>;
  stop(): Promise<void>;
}

const startMs = 30_000;
/** A line that was written before an answer is read by then. */
const settleMs = 50;

/** @param account that every key is of */
export async function openTimedMoto(account: string): Promise<TimedMoto> {
  // The same Python as moto's own.
  const python = join(dirname(findProgram("MOTO_SERVER", "moto_server")), "python");
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const script = join(import.meta.dir, "protecting_moto.py");
  const child = Bun.spawn([python, script, "-H", "127.0.0.1", "-p", String(port)], {
    env: { PATH: Bun.env.PATH ?? "", MOTO_ACCOUNT_ID: account, PYTHONDONTWRITEBYTECODE: "1" },
    stdout: "pipe",
    stderr: "ignore",
  });
  let written = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const part of child.stdout) written += decoder.decode(part);
  })();
  await waitUntilItAnswers(endpoint, () => child.exitCode === null);
  const moto: TimedMoto = {
    endpoint,
    async reset() {
      const { ok } = await fetch(`${endpoint}/moto-api/reset`, { method: "POST" });
      if (!ok) throw new Error("moto can't be reset");
      await moto.spent();
    },
    async spent() {
      await Bun.sleep(settleMs);
      const times = written.split("\n").filter((line) => /^[\d.]+$/.test(line));
      written = "";
      return { calls: times.length, ms: times.reduce((sum, time) => sum + Number(time), 0) };
    },
    async stop() {
      child.kill();
      await child.exited;
    },
  };
  return moto;
}

async function waitUntilItAnswers(endpoint: string, isAlive: () => boolean): Promise<void> {
  const deadline = performance.now() + startMs;
  const ask = (): Promise<boolean> =>
    fetch(`${endpoint}/moto-api/data.json`).then(
      (response) => response.ok,
      () => false,
    );
  while (!(await ask())) {
    if (performance.now() > deadline || !isAlive()) throw new Error("moto did not start");
    await Bun.sleep(50);
  }
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
