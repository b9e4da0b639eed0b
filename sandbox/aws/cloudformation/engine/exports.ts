import type { Cloud } from "#sandbox/aws/cloud.ts";
import { type StackRecord, stacksOf } from "#sandbox/aws/cloudformation/engine/stacks.ts";
import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import type { Json } from "#sandbox/json.ts";

type Place = Pick<StackRecord, "account" | "region">;

export interface ExportRecord {
  readonly name: string;
  readonly value: string;
  readonly stack: StackRecord;
}

/** Exports of an account and region, by name. */
export function exportsOf(cloud: Cloud, { account, region }: Place): readonly ExportRecord[] {
  return stacksOf(cloud, account, region)
    .stacks.flatMap((stack) =>
      stack.outputs.flatMap(({ exportName, value }) =>
        exportName === undefined ? [] : [{ name: exportName, value, stack }],
      ),
    )
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** @throws AwsFault ValidationError */
export function findExport(cloud: Cloud, place: Place, name: string): Json {
  const found = exportsOf(cloud, place).find((one) => one.name === name);
  if (found === undefined) throw invalid(`No export named ${name} found. Rollback requested by user.`);
  return found.value;
}

/** Names of the stacks that use an export. */
export function importersOf(cloud: Cloud, { account, region }: Place, name: string): readonly string[] {
  return stacksOf(cloud, account, region)
    .stacks.filter(({ imports, status }) => status !== "DELETE_COMPLETE" && imports.includes(name))
    .map((stack) => stack.name);
}

/** Why a stack can't have these exports; undefined when it can. @param next what it would export from now on */
export function exportFault(cloud: Cloud, stack: StackRecord, next: StackRecord["outputs"]): string | undefined {
  for (const { exportName } of next) {
    if (exportName === undefined) continue;
    const holder = exportsOf(cloud, stack).find(
      ({ name, stack: other }) => name === exportName && other.id !== stack.id,
    );
    if (holder !== undefined)
      return `Export with name ${exportName} is already exported by stack ${holder.stack.name}. Rollback requested by user.`;
  }
  for (const { exportName, value } of stack.outputs) {
    if (exportName === undefined) continue;
    const [importer] = importersOf(cloud, stack, exportName);
    if (importer === undefined) continue;
    const after = next.find((output) => output.exportName === exportName);
    if (after === undefined) return `Export ${exportName} cannot be deleted as it is in use by ${importer}`;
    if (after.value !== value) return `Export ${exportName} cannot be updated as it is in use by ${importer}`;
  }
  return undefined;
}
