import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import type { Cluster, Fleet, Provider } from "#lib/fleet/types.ts";
import { isLocal } from "#lib/fleet/types.ts";
import type { Generator } from "#lib/generate/generator.ts";

const begin = "<!-- clusters:begin -->";
const end = "<!-- clusters:end -->";

const service: Readonly<Record<Provider, string>> = { aws: "EKS", azure: "AKS", gcp: "GKE", kind: "kind", k3d: "k3d" };

/** The table of clusters in README.md, between two comments; the rest of the file is left alone. */
export const clusterTable: Generator = {
  files: async (fleet, root) => {
    const file = Bun.file(join(root, "README.md"));
    if (!(await file.exists())) return [];
    return [{ path: "README.md", content: insertTable(await file.text(), fleet), mode: 0o644 }];
  },
};

export function insertTable(text: string, fleet: Fleet): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) {
    throw new FleetError("StaleFiles", `README.md: no "${begin}" followed by "${end}"`, {
      hint: "put both, each on a line of its own, where the table of clusters belongs",
    });
  }
  return `${text.slice(0, from + begin.length)}\n\n${renderTable(fleet)}\n${text.slice(to)}`;
}

/** Markdown, a row per cluster in the order of the fleet. */
export function renderTable(fleet: Fleet): string {
  const rows = fleet.clusters.map((cluster) =>
    row([`\`${cluster.name}\``, service[cluster.provider], ...place(cluster)]),
  );
  return [row(["cluster", "kind", "account", "region"]), row(["---", "---", "---", "---"]), ...rows, ""].join("\n");
}

function place(cluster: Cluster): readonly [string, string] {
  return isLocal(cluster) ? ["–", "this computer"] : [`\`${cluster.account}\``, `\`${cluster.region}\``];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
