import { readFileSync } from "node:fs";
import type { z } from "zod";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { refusedField } from "#sandbox/unknown-field.ts";

/** A configuration file can't be used; the message is what the real program says after its prefix. */
export class ConfigError extends Error {}

/** The one document of a YAML file. @throws ConfigError, UnknownUsage for a field that the schema doesn't have */
export function readConfigFile<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  missing: (path: string) => string,
): z.output<Schema> {
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
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UnknownUsage(`the field ${refusedField(parsed.error)} of ${path}`);
}
