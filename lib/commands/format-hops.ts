import type { Hop, HopTrust } from "#lib/cloud/hops.ts";
import { formatTable } from "#lib/table.ts";

/**
 * Formats a table of the steps, the findings about each role below its step, and at the end the hints.
 *
 * @param columns width of the screen. @default any
 */
export function formatHops(hops: readonly Hop[], columns?: number): string {
  const rows = hops.flatMap((hop) => [formatStep(hop), ...formatTrust(hop).map((line) => ["", "", "", line])]);
  const hints = new Set(hops.flatMap(hintsOf));
  const table = formatTable(["", "step", "account", "identity"], rows, columns);
  return table + [...hints].map((hint) => `do  ${hint}\n`).join("");
}

function formatStep({ name, account, result }: Hop): readonly string[] {
  return result.kind === "ok"
    ? ["✔", name, account || "–", result.identity]
    : ["✘", name, account || "–", `${result.message} (${result.code})`];
}

/**
 * `why` explains a refusal. `warn` is a role that trusts too many identities. `note` is about other identities that are refused,
 * e.g. jobs when a user runs this.
 */
function formatTrust({ result, trust, readOnlyTrust }: Hop): readonly string[] {
  return [...formatReason(result, trust), ...formatTrustOf(trust, result.kind), ...formatReaders(readOnlyTrust)];
}

/** If the role's policy can't be read, the error message is all that is known. */
function formatReason(result: Hop["result"], trust: HopTrust | undefined): readonly string[] {
  if (result.kind === "ok" || trust !== undefined) return [];
  return result.details.flatMap((detail) => detail.trim().split("\n")).map((line) => `why   ${line}`);
}

/** Not used by this identity, so it explains no refusal. */
function formatReaders(trust: HopTrust | undefined): readonly string[] {
  if (trust?.kind !== "checked") return formatTrustOf(trust, "ok").map((line) => line.replace(/^why {3}/, "note  "));
  return formatTrustOf(trust, "ok").map((line) => `${line}, of ${trust.role}`);
}

function formatTrustOf(trust: HopTrust | undefined, result: Hop["result"]["kind"]): readonly string[] {
  switch (trust?.kind) {
    case undefined:
      return [];
    case "absent":
      return [`why   there is no role ${trust.role}`];
    case "unreadable":
      return [`note  whom ${trust.role} trusts can't be read: ${trust.message} (${trust.code})`];
    case "checked":
      return trust.findings.map(({ check, kind, message }) => {
        const word = kind === "too loose" ? "warn" : result === "failed" ? "why " : "note";
        return `${word}  ${message} (${check})`;
      });
    default:
      return trust satisfies never;
  }
}

function hintsOf({ result, trust, readOnlyTrust }: Hop): readonly string[] {
  // Creating a missing role comes before fixing one that refuses.
  if (trust?.kind === "absent") return [trust.hint];
  if (readOnlyTrust?.kind === "absent") return [readOnlyTrust.hint];
  return result.kind === "failed" && result.hint !== undefined ? [result.hint] : [];
}

/** 1 if a step was refused, or a role trusts an identity that the fleet doesn't name. */
export function exitCodeOf(hops: readonly Hop[]): 0 | 1 {
  const isFine = hops.every(
    ({ result, trust, readOnlyTrust }) => result.kind === "ok" && !isTooLoose(trust) && !isTooLoose(readOnlyTrust),
  );
  return isFine ? 0 : 1;
}

function isTooLoose(trust: HopTrust | undefined): boolean {
  return trust?.kind === "checked" && trust.findings.some(({ kind }) => kind === "too loose");
}
