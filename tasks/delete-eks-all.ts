#!/usr/bin/env bun
//MISE description="Delete all EKS clusters in AWS"
//USAGE flag "--dry-run" help="say what would be done and change nothing"
//USAGE flag "--yes" help="don't ask before deleting; required in non-interactive shells"
//USAGE flag "--orphans" help="delete the clusters that this fleet created and no longer names, and nothing else"
//USAGE flag "--jobs <count>" help="clusters to work on at once; default: 32"
//USAGE flag "--adopt" help="delete what has these names, also where another tool created it"
//USAGE flag "--skip-dns-wait" help="remove a zone at once, without waiting until resolvers no longer cache its delegation"
//USAGE flag "--account <name>" help="only what belongs to this account (repeatable)" var=#true
//USAGE flag "--target <id>" help="only this resource, by the id that plan shows (repeatable)" var=#true
//USAGE flag "--sandbox" help="run against the embedded sandbox: no account, no Docker, nothing real is touched"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="only these clusters, by name; all when none is given" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"
// Written by `bun run generate` from clusters/*.ts and lib/generate/tasks.ts.

import { runTask } from "#lib/task.ts";
import { remove } from "#lib/verbs/delete.ts";

if (import.meta.main) await runTask(remove, { providers: ["aws"], place: "cloud" });
