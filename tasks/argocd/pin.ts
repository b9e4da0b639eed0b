#!/usr/bin/env bun
//MISE description="Write the digests of the Argo CD manifests that argocd/bootstrap names"
//USAGE flag "--check" help="change nothing; fail when a digest doesn't match its URL"

import type { CommandSpec } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";
import { FleetError } from "#lib/errors.ts";
import { command } from "#lib/hint.ts";

export const spec: CommandSpec = {
  options: [{ name: "check", help: "change nothing; fail when a digest doesn't match its URL" }],
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags }) => {
    const [{ updatePins }, { download }, { projectRoot }] = await Promise.all([
      import("#lib/commands/pin-argocd.ts"),
      import("#lib/download.ts"),
      import("#lib/paths.ts"),
    ]);
    const { signal } = new AbortController();
    const { files, changes } = await updatePins({
      root: projectRoot,
      download: (url) => download(url, signal),
    });
    for (const change of changes) terminal.out(`${change}\n`);
    if (changes.length === 0) terminal.out("argocd/bootstrap is up to date\n");
    else if (flags.has("check")) {
      throw new FleetError("StaleFiles", `stale: ${[...files.keys()].join(", ")}`, {
        hint: [command("argocd:pin"), ", and review what it changes"],
      });
    } else for (const [path, text] of files) await Bun.write(`${projectRoot}/${path}`, text);
    return 0;
  });
}
