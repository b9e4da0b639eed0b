import { type Emulator, openEmulator } from "#tests/support/emulator.ts";

/** Another AWS that nobody here wrote (https://pypi.org/project/moto). */
export type Moto = Emulator;

/** Undefined where it isn't installed; `.ci/run` installs it. */
export const moto = Bun.env.MOTO_SERVER ?? Bun.which("moto_server") ?? undefined;

/** @param account that every key is of */
export function openMoto(account = "123456789012"): Promise<Moto> {
  if (moto === undefined) throw new Error("moto is not installed here");
  const program = moto;
  return openEmulator({
    name: "moto",
    command: (port) => [program, "-H", "127.0.0.1", "-p", String(port)],
    env: () => ({ MOTO_ACCOUNT_ID: account }),
    health: "/moto-api/data.json",
  });
}
