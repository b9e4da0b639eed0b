#!/usr/bin/env bun
//MISE description="Show what create-all would change; changes nothing"
//USAGE flag "--detailed-exitcode" help="exit with 0 when nothing changes, 2 when something would, and 1 after any error"
//USAGE flag "--no-gitops" help="leave Argo CD and its applications alone: clusters only"
//USAGE flag "--revision <name>" help="branch, tag or commit that Argo CD reads, instead of the fleet's"
//USAGE flag "--argocd-manifest <file>" help="Argo CD's install manifest from a file or folder, instead of the pinned one from the internet"
//USAGE flag "--account <name>" help="only what belongs to this account (repeatable)" var=#true
//USAGE flag "--provider <name>" help="only aws, azure, gcp, kind or k3d (repeatable)" var=#true
//USAGE flag "--target <id>" help="only this resource, by the id that plan shows (repeatable)" var=#true
//USAGE flag "--sandbox" help="run against the embedded sandbox: no account, no Docker, nothing real is touched"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="only these clusters, by name; all when none is given" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"
// Written by `bun run generate` from clusters/*.ts and lib/generate/tasks.ts.

import { runTask } from "#lib/task.ts";
import { plan } from "#lib/verbs/plan.ts";

if (import.meta.main) await runTask(plan);
