import type { Hop, HopTrust } from "#lib/provider.ts";
import { formatTable } from "#lib/table.ts";

/** A table of the steps, what was found out about each role below its step, and at the end what to do about it. */
export function formatHops(hops: readonly Hop[]): string {
  const rows = hops.flatMap((hop) => [formatStep(hop), ...formatTrust(hop).map((line) => ["", "", "", line])]);
  const hints = new Set(hops.flatMap(hintsOf));
  return formatTable(["", "step", "account", "identity"], rows) + [...hints].map((hint) => `do  ${hint}\n`).join("");
}

function formatStep({ name, account, result }: Hop): readonly string[] {
  return result.kind === "ok"
    ? ["✔", name, account || "–", result.arn]
    : ["✘", name, account || "–", `${result.message} (${result.code})`];
}

/**
 * `why` explains a refusal. `warn` is about a role that lets in too many. `note` is about others who are kept out: jobs, when a
 * person looks.
 */
function formatTrust({ result, trust, readOnlyTrust }: Hop): readonly string[] {
  return [...formatReason(result, trust), ...formatTrustOf(trust, result.kind), ...formatReaders(readOnlyTrust)];
}

/** Where nobody can look at the role, what was said is all there is to go by. */
function formatReason(result: Hop["result"], trust: HopTrust | undefined): readonly string[] {
  if (result.kind === "ok" || trust !== undefined) return [];
  return result.details.flatMap((detail) => detail.trim().split("\n")).map((line) => `why   ${line}`);
}

/** Nobody goes that way here, so that nothing of it explains a refusal. */
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
      return [`note  whom ${trust.role} lets in can't be seen: ${trust.message} (${trust.code})`];
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
  // The task that makes a role is better advice than what to do about one that refuses.
  if (trust?.kind === "absent") return [trust.hint];
  if (readOnlyTrust?.kind === "absent") return [readOnlyTrust.hint];
  return result.kind === "failed" && result.hint !== undefined ? [result.hint] : [];
}

/** 1 where a step was refused, or a role lets in somebody whom the fleet doesn't name. */
export function exitCodeOf(hops: readonly Hop[]): 0 | 1 {
  const isFine = hops.every(
    ({ result, trust, readOnlyTrust }) => result.kind === "ok" && !isTooLoose(trust) && !isTooLoose(readOnlyTrust),
  );
  return isFine ? 0 : 1;
}

function isTooLoose(trust: HopTrust | undefined): boolean {
  return trust?.kind === "checked" && trust.findings.some(({ kind }) => kind === "too loose");
}
