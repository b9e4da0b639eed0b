import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

export interface KubeconfigEntry {
  readonly context: string;
  readonly cluster: string;
  readonly user: string;
  readonly server: string;
  /** PEM. */
  readonly authority: string;
  readonly token: string;
}

/** YAML with the keys in the order in which kind and k3d write them. */
export function renderKubeconfig(entry: KubeconfigEntry): string {
  return [
    "apiVersion: v1",
    "clusters:",
    "- cluster:",
    `    certificate-authority-data: ${Buffer.from(entry.authority).toString("base64")}`,
    `    server: ${entry.server}`,
    `  name: ${entry.cluster}`,
    "contexts:",
    "- context:",
    `    cluster: ${entry.cluster}`,
    `    user: ${entry.user}`,
    `  name: ${entry.context}`,
    `current-context: ${entry.context}`,
    "kind: Config",
    "users:",
    `- name: ${entry.user}`,
    "  user:",
    `    token: ${entry.token}`,
    "",
  ].join("\n");
}

/** Adds an entry to a file, as kind does: under `<file>.lock`, a new file with mode 0600. */
export function addToKubeconfig(path: string, entry: KubeconfigEntry): void {
  edit(path, (config) => {
    const added = Bun.YAML.parse(renderKubeconfig(entry));
    const merged = (key: string) => [
      ...listAt(config, key).filter((item) => stringAt(item, "name") !== stringAt(listAt(added, key)[0], "name")),
      ...listAt(added, key),
    ];
    return {
      ...config,
      clusters: merged("clusters"),
      contexts: merged("contexts"),
      "current-context": entry.context,
      users: merged("users"),
    };
  });
}

/** Takes a cluster's entries out of a file; one that is not there is left alone. */
export function removeFromKubeconfig(path: string, names: Pick<KubeconfigEntry, "context" | "cluster" | "user">): void {
  if (!existsSync(path)) return;
  edit(path, (config) => {
    const without = (key: string, name: string) =>
      listAt(config, key).filter((item) => stringAt(item, "name") !== name);
    const next: Record<string, unknown> = {
      ...config,
      clusters: without("clusters", names.cluster),
      contexts: without("contexts", names.context),
      users: without("users", names.user),
    };
    if (stringAt(config, "current-context") === names.context) delete next["current-context"];
    for (const key of ["clusters", "contexts", "users"]) if (listAt(next, key).length === 0) delete next[key];
    return next;
  });
}

/** The lock file is there already: somebody else writes, or was killed while writing. */
export class KubeconfigLocked extends Error {}

function edit(path: string, change: (config: JsonObject) => Record<string, unknown>): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const lock = `${path}.lock`;
  try {
    closeSync(openSync(lock, "wx", 0));
  } catch (error) {
    throw new KubeconfigLocked(`failed to lock config file: open ${lock}: file exists`, { cause: error });
  }
  try {
    const exists = existsSync(path);
    const text = exists ? readFileSync(path, "utf8") : "";
    const config = objectAt(text.trim() === "" ? {} : Bun.YAML.parse(text));
    const next = { apiVersion: "v1", kind: "Config", ...change(config) };
    writeFileSync(path, `${Bun.YAML.stringify(next, undefined, 2)}\n`, { mode: 0o600 });
    if (!exists) chmodSync(path, 0o600);
  } finally {
    rmSync(lock, { force: true });
  }
}
