#!/usr/bin/env bun
//MISE description="Delete all GKE clusters in GCP"
//USAGE flag "--dry-run" help="show what would be done; change nothing"
//USAGE flag "--yes" help="don't ask before deleting; required in non-interactive shells"
//USAGE flag "--orphans" help="delete only clusters that this fleet created and that are no longer in it"
//USAGE flag "--jobs <count>" help="clusters to work on at once; default: 32"
//USAGE flag "--adopt" help="delete what has these names, also where another tool created it"
//USAGE flag "--skip-dns-wait" help="remove a zone at once, without waiting until resolvers no longer cache its delegation"
//USAGE flag "--account <name>" help="only resources of this account (repeatable)" var=#true
//USAGE flag "--target <id>" help="only this resource, by the id that plan shows (repeatable)" var=#true
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="clusters by name; all by default" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"
// Written by `bun run generate` from clusters/*.ts and lib/generate/tasks.ts.

import { runTask } from "#lib/task.ts";
import { remove } from "#lib/verbs/delete.ts";

if (import.meta.main) await runTask(remove, { providers: ["gcp"], place: "cloud" });
