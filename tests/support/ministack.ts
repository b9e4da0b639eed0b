import { type Emulator, openEmulator } from "#tests/support/emulator.ts";

/** An AWS that nobody here wrote (https://pypi.org/project/ministack), with trust policies evaluated. */
export type Ministack = Emulator;

/** Undefined where it isn't installed; `.ci/run` installs it. */
export const ministack = Bun.env.MINISTACK ?? Bun.which("ministack") ?? undefined;

export function openMinistack(): Promise<Ministack> {
  if (ministack === undefined) throw new Error("ministack is not installed here");
  const program = ministack;
  return openEmulator({
    name: "ministack",
    command: () => [program],
    env: (port) => ({
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: String(port),
      AUTH: "true",
      // It would look for a Docker to run databases in.
      DOCKER_HOST: "unix:///nonexistent/docker.sock",
    }),
    health: "/_ministack/health",
  });
}
