#!/usr/bin/env bun
//MISE description="Show the health of every cluster"
//USAGE flag "--drift" help="detect drift of resources in the cloud too; takes minutes"
//USAGE flag "--allow-absent" help="accept clusters and accounts that are not created yet"
//USAGE flag "--no-gitops" help="skip Argo CD and its applications"
//USAGE flag "--account <name>" help="only resources of this account (repeatable)" var=#true
//USAGE flag "--provider <name>" help="only aws, azure, gcp, kind or k3d (repeatable)" var=#true
//USAGE flag "--target <id>" help="only this resource, by the id that plan shows (repeatable)" var=#true
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="clusters by name; all by default" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"
// Written by `bun run generate` from clusters/*.ts and lib/generate/tasks.ts.

import { runTask } from "#lib/task.ts";
import { status } from "#lib/verbs/status.ts";

if (import.meta.main) await runTask(status);
