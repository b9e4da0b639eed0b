import { asFleetError } from "#lib/errors.ts";
import { formatHint } from "#lib/printed-command.ts";

/** An error as data, for events, the journal and `--json`. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly details?: readonly string[];
  readonly stack?: string;
}

/** `verbose` adds the stack and the stacks of its causes. */
export function reportError(thrown: unknown, options: { readonly verbose?: boolean } = {}): ErrorReport {
  const error = asFleetError(thrown);
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: formatHint(error.hint) }),
    ...(error.details.length === 0 ? {} : { details: error.details }),
    ...(options.verbose === true ? { stack: formatStack(error) } : {}),
  };
}

function formatStack(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by: ${formatStack(error.cause)}` : own;
}
