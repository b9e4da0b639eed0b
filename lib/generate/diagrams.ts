import { tryAwsDiagram } from "#lib/aws/diagram.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { dnsDiagram } from "#lib/generate/dns-diagram.ts";
import type { Generator } from "#lib/generate/generator.ts";
import type { Flowchart } from "#lib/generate/mermaid.ts";
import { renderFlowchart } from "#lib/generate/mermaid.ts";

/** docs/diagrams.md: the zones of the clouds, and the roles of the AWS accounts. */
export const diagrams: Generator = {
  files: (fleet) => [{ path: "docs/diagrams.md", content: renderDiagrams(fleet), mode: 0o644 }],
};

function renderDiagrams(fleet: Fleet): string {
  const aws = tryAwsDiagram(fleet);
  return [
    "<!-- Written by `bun run generate` from clusters/*.ts: change it there. -->",
    "",
    "# Diagrams",
    "",
    ...(fleet.zones.length === 0
      ? ["The fleet has no cluster in a cloud, and so neither zones nor roles.", ""]
      : section(
          "DNS",
          `\`${fleet.domain}\` is hosted elsewhere and delegates to the clouds by hand; each cloud's management account delegates to the clusters.`,
          dnsDiagram(fleet),
        )),
    ...(aws === undefined
      ? []
      : section(
          "AWS",
          "Each account's clusters are created with the account's own role, which the management role assumes.",
          aws,
        )),
  ].join("\n");
}

function section(title: string, text: string, chart: Flowchart): readonly string[] {
  return [`## ${title}`, "", text, "", "```mermaid", renderFlowchart(chart), "```", ""];
}
