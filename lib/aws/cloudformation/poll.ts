import { isPassing } from "#lib/aws/explain.ts";
import { pollWith } from "#lib/cloud/poll.ts";

/** Polls AWS. */
export const poll = pollWith(isPassing);
