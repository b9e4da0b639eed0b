import { z } from "zod";
import { FleetError } from "#lib/errors.ts";

/** The operations of RFC 6902 that are used here; move and copy are not. */
export const jsonPatchSchema = z.array(
  z.discriminatedUnion("op", [
    z.strictObject({ op: z.enum(["add", "replace", "test"]), path: z.string(), value: z.unknown() }),
    z.strictObject({ op: z.literal("remove"), path: z.string() }),
  ]),
);

export type JsonOperation = z.infer<typeof jsonPatchSchema>[number];

/** Applies all operations, and fails at the first that is impossible. Pure. @throws FleetError KustomizationInvalid */
export function patchJson(value: unknown, operations: readonly JsonOperation[], where: string): unknown {
  return operations.reduce((current, operation) => {
    const keys = operation.path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const fail = (why: string): never => {
      throw new FleetError("KustomizationInvalid", `${where}: ${operation.op} ${operation.path}: ${why}`);
    };
    if (keys.length === 0) return fail("the whole object can't be patched");
    return change(current, keys, operation, fail);
  }, value);
}

/** Copies the objects on the path and shares the rest. */
function change(
  owner: unknown,
  [key = "", ...rest]: readonly string[],
  operation: JsonOperation,
  fail: (why: string) => never,
): unknown {
  if (Array.isArray(owner)) {
    const index = key === "-" ? owner.length : /^(?:0|[1-9]\d*)$/.test(key) ? Number(key) : Number.NaN;
    const last = operation.op === "add" && rest.length === 0 ? owner.length : owner.length - 1;
    if (!(index <= last)) return fail(`"${key}" is no place in a list of ${owner.length}`);
    if (rest.length > 0) return owner.with(index, change(owner[index], rest, operation, fail));
    switch (operation.op) {
      case "add":
        return owner.toSpliced(index, 0, operation.value);
      case "remove":
        return owner.toSpliced(index, 1);
      default:
        return owner.with(index, replaceOrTest(owner[index], operation, fail));
    }
  }
  if (typeof owner !== "object" || owner === null) return fail(`nothing holds "${key}"`);
  const entries: Readonly<Record<string, unknown>> = { ...owner };
  if (rest.length > 0) {
    if (!(key in entries)) return fail(`there is no "${key}"`);
    return { ...entries, [key]: change(entries[key], rest, operation, fail) };
  }
  if (operation.op === "add") return { ...entries, [key]: operation.value };
  if (!(key in entries)) return fail(`there is no "${key}"`);
  if (operation.op === "remove") return Object.fromEntries(Object.entries(entries).filter(([name]) => name !== key));
  return { ...entries, [key]: replaceOrTest(entries[key], operation, fail) };
}

function replaceOrTest(is: unknown, operation: JsonOperation, fail: (why: string) => never): unknown {
  if (operation.op === "remove") return is;
  if (operation.op === "test" && !Bun.deepEquals(is, operation.value)) return fail(`it is ${JSON.stringify(is)}`);
  return operation.value;
}
