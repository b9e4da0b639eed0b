import { listAt, numberAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import {
  configMaps,
  daemonSets,
  deployments,
  type Kind,
  type KubernetesObject,
  namespaces,
  nodes,
  type PrintedColumn,
  pods,
  secrets,
  services,
  statefulSets,
  storageClasses,
} from "#sandbox/kubernetes/kinds.ts";

type Cell = string | number | boolean;

interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean";
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  readonly cell: (object: KubernetesObject, now: number) => Cell;
}

/** The form in which kubectl asks for what it prints (`meta.k8s.io/v1` Table). */
export function toTable(
  kind: Kind,
  objects: readonly KubernetesObject[],
  options: { readonly resourceVersion: string; readonly includeObject: string; readonly now?: number },
): unknown {
  const columns = columnsOf(kind);
  const now = options.now ?? Date.now();
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: options.resourceVersion },
    columnDefinitions: ordered(columns).map(({ name, type, priority }) => ({
      name,
      type,
      format: name === "Name" ? "name" : "",
      description: "",
      priority,
    })),
    rows: objects.map((object) => ({
      cells: ordered(columns).map((column) => column.cell(object, now)),
      ...rowObject(object, options.includeObject),
    })),
  };
}

/** Kubernetes' own kinds have no further columns for `-o wide`. Nodes have their version after their age. */
function columnsOf(kind: Kind): readonly Column[] {
  if (kind.printed !== undefined)
    return [name, ...(kind.printed.length === 0 ? [age] : kind.printed.map(printedColumn))];
  const own = columnsByKind.get(kind) ?? [];
  if (kind === nodes) return [name, ...own.slice(0, 2), age, ...own.slice(2)];
  return [name, ...own, age];
}

/** Age comes before the columns of `-o wide`. */
function ordered(columns: readonly Column[]): readonly Column[] {
  return columns.toSorted((a, b) => a.priority - b.priority);
}

function rowObject(object: KubernetesObject, includeObject: string): { object?: unknown } {
  if (includeObject === "None") return {};
  if (includeObject === "Object") return { object };
  return { object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata } };
}

function column(name: string, cell: Column["cell"], priority: 0 | 1 = 0, type: Column["type"] = "string"): Column {
  return { name, type, priority, cell };
}

/** A column of a custom resource: a plain path, or one with a filter by equality as conditions are chosen. */
function printedColumn({ name: title, type, jsonPath, priority }: PrintedColumn): Column {
  return column(
    title,
    (object, now) => {
      const found = valueAtPath(object, jsonPath);
      if (type === "date" && typeof found === "string") return formatAge(now - Date.parse(found));
      return typeof found === "number" || typeof found === "boolean" ? found : String(found ?? "");
    },
    priority === 0 ? 0 : 1,
    type === "integer" || type === "boolean" ? type : "string",
  );
}

function valueAtPath(object: unknown, jsonPath: string): unknown {
  const steps = jsonPath.matchAll(/\.([\w-]+)|\[\?\(@\.(\w+)\s*==\s*["']([^"']*)["']\)\]|\[(\d+)\]|\['([^']+)'\]/g);
  let value = object;
  for (const [, field, key, wanted, index, quoted] of steps) {
    if (key !== undefined) value = listAt(value).find((item) => valueAt(item, key) === wanted);
    else if (index !== undefined) value = listAt(value)[Number(index)];
    else value = valueAt(value, field ?? quoted ?? "");
  }
  return value;
}

/** The value at a path as a cell. */
function text(name: string, path: string): Column {
  return column(name, (object) => stringAt(object, ...path.split(".")) || "<none>");
}

function count(name: string, path: string): Column {
  return column(name, (object) => numberAt(object, ...path.split(".")) ?? 0, 0, "integer");
}

const name = text("Name", "metadata.name");
const age = column("Age", (object, now) => formatAge(now - Date.parse(object.metadata.creationTimestamp)));
const dataCount = column("Data", (object) => Object.keys(objectAt(object, "data")).length, 0, "integer");

const columnsByKind: ReadonlyMap<Kind, readonly Column[]> = new Map([
  [namespaces, [text("Status", "status.phase")]],
  [
    nodes,
    [column("Status", nodeStatus), column("Roles", nodeRoles), text("Version", "status.nodeInfo.kubeletVersion")],
  ],
  [configMaps, [dataCount]],
  [secrets, [text("Type", "type"), dataCount]],
  [
    pods,
    [
      column("Ready", (object) => {
        const statuses = listAt(object, "status", "containerStatuses");
        const ready = statuses.filter((item) => valueAt(item, "ready") === true);
        return `${ready.length}/${listAt(object, "spec", "containers").length}`;
      }),
      text("Status", "status.phase"),
      column("Restarts", () => "0"),
    ],
  ],
  [
    services,
    [
      text("Type", "spec.type"),
      text("Cluster-IP", "spec.clusterIP"),
      column("External-IP", () => "<none>"),
      column("Port(s)", servicePorts),
    ],
  ],
  [
    deployments,
    [
      column("Ready", readyOfReplicas),
      count("Up-to-date", "status.updatedReplicas"),
      count("Available", "status.availableReplicas"),
    ],
  ],
  [statefulSets, [column("Ready", readyOfReplicas)]],
  [
    daemonSets,
    [
      count("Desired", "status.desiredNumberScheduled"),
      count("Current", "status.currentNumberScheduled"),
      count("Ready", "status.numberReady"),
      count("Up-to-date", "status.updatedNumberScheduled"),
      count("Available", "status.numberAvailable"),
    ],
  ],
  [storageClasses, [text("Provisioner", "provisioner"), text("ReclaimPolicy", "reclaimPolicy")]],
]);

function nodeStatus(object: KubernetesObject): string {
  const ready = listAt(object, "status", "conditions").find((item) => stringAt(item, "type") === "Ready");
  const status = stringAt(ready, "status") === "True" ? "Ready" : ready === undefined ? "Unknown" : "NotReady";
  return valueAt(object, "spec", "unschedulable") === true ? `${status},SchedulingDisabled` : status;
}

function nodeRoles(object: KubernetesObject): string {
  const prefix = "node-role.kubernetes.io/";
  const roles = Object.keys(objectAt(object, "metadata", "labels")).filter((label) => label.startsWith(prefix));
  return roles.map((label) => label.slice(prefix.length)).join(",") || "<none>";
}

function servicePorts(object: KubernetesObject): string {
  const ports = listAt(object, "spec", "ports");
  return ports.map((port) => `${numberAt(port, "port")}/${stringAt(port, "protocol") || "TCP"}`).join(",") || "<none>";
}

function readyOfReplicas(object: KubernetesObject): string {
  return `${numberAt(object, "status", "readyReplicas") ?? 0}/${numberAt(object, "spec", "replicas") ?? 0}`;
}

/** As kubectl: `5s`, `3m10s`, `12m`, `5h3m`, `20h`, `4d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (large: number, largeUnit: string, small: number, smallUnit: string) =>
    small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 ? two(days, "d", hours % 24, "h") : `${days}d`;
}
