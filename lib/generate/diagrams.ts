import { dnsDiagram } from "#lib/generate/dns-diagram.ts";
import type { Provider } from "#lib/provider.ts";
import type { Described, Generator } from "#lib/render/generator.ts";
import { type Flowchart, renderFlowchart } from "#lib/render/mermaid.ts";

/** docs/diagrams.md: the DNS zones, and each cloud's diagram of its accounts. */
export const diagrams: Generator<Provider> = {
  files: async (described) => [{ path: "docs/diagrams.md", content: await renderDiagrams(described), mode: 0o644 }],
};

async function renderDiagrams(described: Described<Provider>): Promise<string> {
  const { fleet, providers } = described;
  const clouds = await Promise.all(
    [...providers.values()].map(async ({ title, generate }) => {
      const found = (await generate?.())?.diagram?.(described);
      return found === undefined ? [] : section(title, found.text, found.chart);
    }),
  );
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
          dnsDiagram(described),
        )),
    ...clouds.flat(),
  ].join("\n");
}

function section(title: string, text: string, chart: Flowchart): readonly string[] {
  return [`## ${title}`, "", text, "", "```mermaid", renderFlowchart(chart), "```", ""];
}
