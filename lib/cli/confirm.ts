import { createInterface } from "node:readline/promises";
import { FleetError } from "#lib/errors.ts";
import { printable } from "#lib/view/printable.ts";

export interface Confirmation {
  /** What is about to go, one line. */
  readonly question: string;
  readonly yes: boolean;
  /** Can somebody answer? */
  readonly interactive: boolean;
}

/** @throws FleetError ConfirmationNeeded when nobody can be asked, NotConfirmed when the answer isn't yes */
export async function confirm(confirmation: Confirmation): Promise<void> {
  if (confirmation.yes) return;
  if (!confirmation.interactive) {
    throw new FleetError("ConfirmationNeeded", `${confirmation.question}: nobody can be asked here`, {
      hint: "add --yes to delete without a question, or --dry-run to see what would go",
    });
  }
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-D ends the question without an answer.
  const ended = new Promise<string>((resolve) => prompt.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([
      prompt.question(printable(`${confirmation.question}. Type yes to go on: `)),
      ended,
    ]);
    if (answer.trim().toLowerCase() !== "yes") {
      throw new FleetError("NotConfirmed", "nothing was deleted", { hint: "type yes, or add --yes" });
    }
  } finally {
    prompt.close();
  }
}
