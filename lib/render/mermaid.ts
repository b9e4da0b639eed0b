/** The subset of Mermaid's flowcharts in use: icon nodes in nested groups, and arrows. https://mermaid.js.org/syntax/flowchart.html */

export interface MermaidNode {
  /** Also its label. */
  readonly id: string;
  /** Of the `logos` collection, e.g. `aws-route53`: https://icon-sets.iconify.design/logos */
  readonly icon: string;
  readonly form: "circle" | "rounded" | "square";
}

export interface MermaidGroup {
  readonly title: string;
  readonly nodes?: readonly MermaidNode[];
  readonly groups?: readonly MermaidGroup[];
}

export interface MermaidEdge {
  readonly from: string;
  readonly to: string;
  readonly label?: string;
}

export interface Flowchart {
  readonly groups: readonly MermaidGroup[];
  readonly edges: readonly MermaidEdge[];
}

export function renderFlowchart({ groups, edges }: Flowchart): string {
  return [
    "flowchart TB",
    ...indent(groups.flatMap((group) => renderGroup(group, ""))),
    ...indent(edges.map(renderEdge)),
  ].join("\n");
}

/** The path of titles makes a group's id unique. */
function renderGroup({ title, nodes = [], groups = [] }: MermaidGroup, path: string): readonly string[] {
  const id = `${path}${title}`.replaceAll(/[^A-Za-z0-9]+/g, "-");
  return [
    `subgraph ${id}["${title}"]`,
    ...indent([...nodes.map(renderNode), ...groups.flatMap((group) => renderGroup(group, `${id}-in-`))]),
    "end",
  ];
}

function renderNode({ id, icon, form }: MermaidNode): string {
  return `${id}@{ icon: "logos:${icon}", form: "${form}", label: "${id}", pos: "b", h: 60 }`;
}

function renderEdge({ from, to, label }: MermaidEdge): string {
  return label === undefined ? `${from} --> ${to}` : `${from} -- "${label}" --> ${to}`;
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
