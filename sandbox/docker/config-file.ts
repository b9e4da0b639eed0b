import { readFileSync } from "node:fs";
import { isObject, type JsonObject } from "#sandbox/json.ts";

/** A configuration file is wrong; the message is what the real program says after its prefix. */
export class ConfigError extends Error {}

/** The one document of a YAML file. */
export function readYamlObject(path: string, missing: (path: string) => string): JsonObject {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(missing(path), { cause: error });
  }
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (error) {
    throw new ConfigError(`yaml: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (!isObject(value)) throw new ConfigError(`${path}: not a mapping`);
  return value;
}

/** A tree of the fields that are known: `true` for a value, `[tree]` for a list of objects. */
export type Known = { readonly [field: string]: true | Known | readonly [Known] };

/** The path of the first field that is not known, or undefined. */
export function findUnknown(value: unknown, known: Known, path = ""): string | undefined {
  if (!isObject(value)) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const below = path === "" ? key : `${path}.${key}`;
    const entry = known[key];
    if (entry === undefined) return below;
    if (entry === true) continue;
    if (Array.isArray(entry)) {
      const [tree] = entry as readonly [Known];
      for (const [index, element] of (Array.isArray(item) ? item : []).entries()) {
        const found = findUnknown(element, tree, `${below}[${index}]`);
        if (found !== undefined) return found;
      }
      continue;
    }
    const found = findUnknown(item, entry as Known, below);
    if (found !== undefined) return found;
  }
  return undefined;
}
