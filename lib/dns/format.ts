import { type Edge, formatRecords } from "#lib/dns/prove.ts";
import { formatTable } from "#lib/table.ts";

/** Formats the findings for each delegation, what is wrong, and which records to set where. Pure. */
export function formatEdges(edges: readonly Edge[], domain: string, leftOut: readonly string[] = []): string {
  const without = leftOut.length === 0 ? "" : `left out: ${leftOut.join(", ")}: no task can create these zones yet\n`;
  if (edges.length === 0) return `the fleet has no zones${leftOut.length === 0 ? "" : " to prove"}\n${without}`;
  const rows = edges.map(({ child, parent, state, delegated }) => [
    state === "ok" ? "✔" : "✘",
    child,
    parent,
    state,
    delegated.length === 0 ? "–" : `${delegated.length} servers`,
  ]);
  const parts = [formatTable(["", "zone", "in", "delegation", "to"], rows)];
  const told = edges.filter(({ details }) => details.length > 0);
  if (told.length > 0) {
    const lines = told.flatMap(({ child, details }) => [child, ...details.map((detail) => `  ${detail}`)]);
    parts.push(`${lines.join("\n")}\n`);
  }
  // The host of the domain sets these by hand; `create` sets the rest.
  const byHand = edges.filter(({ parent, state, wanted }) => {
    return parent === domain && (state === "missing" || state === "wrong") && wanted.length > 0;
  });
  if (byHand.length > 0) {
    const records = byHand.flatMap((edge) => formatRecords(edge)).join("\n");
    parts.push(`create these records in ${domain}, and delete others of the same names:\n${records}\n`);
  }
  const ok = edges.filter(({ state }) => state === "ok").length;
  parts.push(`${ok} of ${edges.length} delegations are ok\n${without}`);
  return parts.join("\n");
}
