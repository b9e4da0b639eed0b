import { freePort } from "#tests/support/free-port.ts";

/** A program that stands for a cloud, on loopback, for as long as a test file runs. */
export interface Emulator {
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface EmulatorOptions {
  /** For messages. */
  readonly name: string;
  command(port: number): readonly string[];
  env(port: number): Readonly<Record<string, string>>;
  /** Path that answers once it is up. */
  readonly health: string;
}

/** Python takes its time on a busy machine. */
const startMs = 30_000;

export async function openEmulator({ name, command, env, health }: EmulatorOptions): Promise<Emulator> {
  const port = freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = Bun.spawn([...command(port)], {
    env: { PATH: Bun.env.PATH ?? "", ...env(port) },
    stdout: "ignore",
    stderr: "ignore",
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
  };
  const deadline = performance.now() + startMs;
  while (!(await answers(`${endpoint}${health}`))) {
    if (performance.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`${name} did not start`);
    }
    await Bun.sleep(50);
  }
  return { endpoint, stop };
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}
