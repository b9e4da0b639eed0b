import { ForeignAnswer } from "#lib/cloud/fetch.ts";
import { findNetworkFailure } from "#lib/network-failure.ts";

/** Why AWS did not get a call, or its answer did not get here. */
export interface Unreachable {
  readonly message: string;
  readonly hint: string;
}

/** Undefined for all that AWS answered itself, and for what has nothing to do with it. */
export function findUnreachable(thrown: unknown): Unreachable | undefined {
  if (thrown instanceof ForeignAnswer || isUnreadable(thrown)) {
    const message =
      thrown instanceof ForeignAnswer ? thrown.message : "the answer is not from AWS: it is neither XML nor JSON";
    return {
      message,
      hint: "check for a proxy, a login page or a firewall between this computer and AWS (HTTPS_PROXY, NO_PROXY)",
    };
  }
  const failure = findNetworkFailure(thrown);
  return failure === undefined ? undefined : { message: `AWS does not answer: ${failure.reason}`, hint: failure.hint };
}

/** The client could not make an error of AWS of it: those have a fault. */
function isUnreadable(thrown: unknown): boolean {
  return thrown instanceof Error && "$response" in thrown && !("$fault" in thrown);
}
