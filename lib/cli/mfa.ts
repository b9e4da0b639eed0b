import { askLine, isInteractive } from "#lib/cli/prompt.ts";
import type { Environment } from "#lib/environment.ts";

/** Asks on the terminal for codes of MFA devices, one after the other. Undefined where nobody can be asked. */
export function mfaPrompt({ ci, variables }: Environment): ((serial: string) => Promise<string>) | undefined {
  // kubectl starts us where a person may wait for an answer of another program.
  if (ci || variables.KUBERNETES_EXEC_INFO !== undefined || !isInteractive(process.stderr)) return undefined;
  let last: Promise<unknown> = Promise.resolve();
  return (serial) => {
    const asked = last.then(async () => (await askLine(`MFA code of ${serial}: `, process.stderr)).trim());
    last = asked;
    return asked;
  };
}
