import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { factsOf } from "#lib/fleet/provider.ts";
import { type Cluster, isLocal } from "#lib/fleet/types.ts";
import type { Described, Generator } from "#lib/render/generator.ts";

const begin = "<!-- clusters:begin -->";
const end = "<!-- clusters:end -->";

/** The table of clusters in docs/fleet.md, between two comments; the rest of the file is preserved. */
export const clusterTable: Generator = {
  files: async (described, root) => {
    const file = Bun.file(join(root, "docs/fleet.md"));
    if (!(await file.exists())) return [];
    return [{ path: "docs/fleet.md", content: insertTable(await file.text(), described), mode: 0o644 }];
  },
};

export function insertTable(text: string, described: Described): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) {
    throw new FleetError("StaleFiles", `docs/fleet.md: no "${begin}" followed by "${end}"`, {
      hint: "put both, each on a line of its own, where the table of clusters belongs",
    });
  }
  return `${text.slice(0, from + begin.length)}\n\n${renderTable(described)}\n${text.slice(to)}`;
}

/** Markdown, a row per cluster in the order of the fleet. */
export function renderTable({ fleet, providers }: Described): string {
  const rows = fleet.clusters.map((cluster) =>
    row([`\`${cluster.name}\``, factsOf(providers, cluster).product, ...place(cluster)]),
  );
  return [row(["cluster", "kind", "account", "region"]), row(["---", "---", "---", "---"]), ...rows, ""].join("\n");
}

function place(cluster: Cluster): readonly [string, string] {
  return isLocal(cluster) ? ["–", "this computer"] : [`\`${cluster.account}\``, `\`${cluster.region}\``];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
