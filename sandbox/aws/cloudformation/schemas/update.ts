#!/usr/bin/env bun
import { join } from "node:path";
import { isObject, type Json, type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";

/**
 * Writes `types.jsonl` anew from the schemas of CloudFormation's registry, as cfn-lint brings them along:
 * `bun run sandbox/aws/cloudformation/schemas/update.ts …/site-packages/cfnlint/data/schemas`. One line per type, without prose.
 */
export async function extractSchemas(folder: string, types: readonly string[]): Promise<string> {
  const index = objectAt(await Bun.file(join(folder, "providers/us-east-1.json")).json());
  const lines: string[] = [];
  for (const type of [...types].sort()) {
    const file = join(folder, "resources", `${stringAt(index, type)}.json`);
    lines.push(JSON.stringify(withoutProse(objectAt(await Bun.file(file).json()))));
  }
  return `${lines.join("\n")}\n`;
}

const dropped = new Set(["description", "sourceUrl", "$schema", "format", "examples", "markdownDescription", "title"]);

function withoutProse(schema: JsonObject): JsonObject {
  const { handlers, ...kept } = schema;
  const actions: JsonObject = {};
  for (const operation of ["create", "read", "update", "delete"]) {
    const { permissions } = objectAt(handlers, operation);
    if (permissions !== undefined) actions[operation] = permissions;
  }
  return { ...objectAt(strip(kept, false)), handlers: actions };
}

/** Leaves out the words of people, but not properties that happen to be called so. */
function strip(value: Json | undefined, names: boolean): Json {
  if (Array.isArray(value)) return value.map((item: Json) => strip(item, false));
  if (!isObject(value)) return value ?? null;
  const kept = Object.entries(value).filter(([key]) => names || !dropped.has(key));
  return Object.fromEntries(
    kept.map(([key, item]) => [key, strip(item, !names && ["properties", "definitions"].includes(key))]),
  );
}

if (import.meta.main) {
  const [folder = ""] = Bun.argv.slice(2);
  const target = Bun.file(join(import.meta.dir, "types.jsonl"));
  const known = (await target.text()).trim().split("\n");
  const types = known.map((line) => stringAt(JSON.parse(line), "typeName"));
  await Bun.write(target, await extractSchemas(folder, types));
}
