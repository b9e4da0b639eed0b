import { askLine, isInteractive } from "#lib/cli/prompt.ts";
import type { Environment } from "#lib/environment.ts";

/** Prompts for codes of MFA devices, one at a time. Undefined in non-interactive shells. */
export function mfaPrompt({ ci, variables }: Environment): ((serial: string) => Promise<string>) | undefined {
  // kubectl may start this while the user is answering another program.
  if (ci || variables.KUBERNETES_EXEC_INFO !== undefined || !isInteractive(process.stderr)) return undefined;
  let last: Promise<unknown> = Promise.resolve();
  return (serial) => {
    const asked = last.then(async () => (await askLine(`MFA code of ${serial}: `, process.stderr)).trim());
    last = asked;
    return asked;
  };
}
