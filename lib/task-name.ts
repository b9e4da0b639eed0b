import { basename, relative } from "node:path";
import { projectRoot } from "#lib/paths.ts";

/** What the running task is called, `create:kind:kind01-internal`; its file's name outside of tasks/. */
export function taskName(main: string = Bun.main): string {
  const path = relative(`${projectRoot}/tasks`, main);
  return (path.startsWith("..") ? basename(main) : path).replace(/\.ts$/, "").replaceAll(/[/\\]/g, ":");
}
