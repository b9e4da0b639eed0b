import { askLine } from "#lib/cli/prompt.ts";
import { FleetError } from "#lib/errors.ts";

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
    throw new FleetError(
      "ConfirmationNeeded",
      `${confirmation.question}: confirmation required in a non-interactive shell`,
      {
        hint: "add --yes to delete without a question, or --dry-run to see what would be deleted",
      },
    );
  }
  const answer = await askLine(`${confirmation.question}. Type yes to go on: `, process.stdout);
  if (answer.trim().toLowerCase() !== "yes") {
    throw new FleetError("NotConfirmed", "nothing was deleted", { hint: "type yes, or add --yes" });
  }
}
