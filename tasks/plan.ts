#!/usr/bin/env bun
//MISE description="Show what create-all would change; changes nothing"
//USAGE flag "--detailed-exitcode" help="exit with 0 without changes, 2 with changes, and 1 after an error"
//USAGE flag "--no-gitops" help="skip Argo CD and its applications"
//USAGE flag "--revision <name>" help="branch, tag or commit that Argo CD reads, instead of the fleet's"
//USAGE flag "--argocd-manifest <file>" help="Argo CD's install manifest from a file or folder, instead of the pinned one from the internet"
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
import { plan } from "#lib/verbs/plan.ts";

if (import.meta.main) await runTask(plan);
