import { promisify } from "node:util";
import { FleetError } from "#lib/errors.ts";
import { createExec } from "#lib/exec.ts";

/** Long enough for a person who confirms on another device. */
const credentialProcessMs = 120_000;

/** Runs `credential_process` of profiles for the SDK, whose own implementation has no timeout and leaves child processes behind. */
export async function boundCredentialProcesses(variables: Readonly<Record<string, string>>): Promise<void> {
  const { externalDataInterceptor } = await import("@smithy/core/config");
  const exec = { [promisify.custom]: (command: string) => runCredentialProcess(command, variables) };
  externalDataInterceptor.interceptToken(
    "exec",
    Object.assign(() => undefined, exec),
  );
}

/**
 * Its output is the credentials and is never shown, nor is the command line, which may hold a password. What it says on stderr is the
 * reason when it fails.
 *
 * @throws Error if it fails, or takes longer than `timeoutMs`: then its process group is killed
 */
export async function runCredentialProcess(
  command: string,
  variables: Readonly<Record<string, string>>,
  timeoutMs: number = credentialProcessMs,
): Promise<{ readonly stdout: string }> {
  const said: string[] = [];
  const reason = (): string =>
    said
      .slice(-8)
      .map((line) => `\n${line}`)
      .join("");
  const onLine = (line: string, stream: "stdout" | "stderr"): void => {
    if (stream === "stderr" && line.trim() !== "") said.push(line);
  };
  try {
    const exec = createExec(variables)({ nothrow: true, timeout: timeoutMs, onLine });
    const { stdout, exitCode } = await exec`sh -c ${command}`;
    if (exitCode === 0) return { stdout };
    throw new Error(`credential_process ended with exit code ${exitCode}${reason()}`);
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "ProgramTimedOut") throw error;
    throw new Error(`credential_process took longer than ${timeoutMs / 1_000} s and was ended${reason()}`);
  }
}
