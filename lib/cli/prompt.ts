import { createInterface } from "node:readline/promises";
import { printable } from "#lib/view/printable.ts";

/** True if input and output are a terminal. */
export function isInteractive(output: NodeJS.WriteStream): boolean {
  return process.stdin.isTTY === true && output.isTTY === true;
}

/** Asks for one line. Empty if the user closes the input without an answer (Ctrl-D). */
export async function askLine(question: string, output: NodeJS.WriteStream): Promise<string> {
  const prompt = createInterface({ input: process.stdin, output });
  const ended = new Promise<string>((resolve) => prompt.once("close", () => resolve("")));
  try {
    return await Promise.race([prompt.question(printable(question)), ended]);
  } finally {
    prompt.close();
  }
}
