import { basename, relative } from "node:path";
import { projectRoot } from "#lib/paths.ts";

/** Name of the running task, e.g. `create:kind:kind01-internal`; outside of tasks/, the name of its file. */
export function taskName(main: string = Bun.main): string {
  const path = relative(`${projectRoot}/tasks`, main);
  return (path.startsWith("..") ? basename(main) : path).replace(/\.ts$/, "").replaceAll(/[/\\]/g, ":");
}
