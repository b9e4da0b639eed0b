import { askLine } from "#lib/cli/prompt.ts";
import { FleetError } from "#lib/errors.ts";

export interface Confirmation {
  /** What will be deleted, one line. */
  readonly question: string;
  readonly yes: boolean;
  /** True if the shell is interactive. */
  readonly interactive: boolean;
}

/** @throws FleetError ConfirmationNeeded in a non-interactive shell, NotConfirmed when the answer isn't yes */
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
  const answer = await askLine(`${confirmation.question}. Type yes to continue: `, process.stdout);
  if (answer.trim().toLowerCase() !== "yes") {
    throw new FleetError("NotConfirmed", "nothing was deleted", { hint: "type yes, or add --yes" });
  }
}
