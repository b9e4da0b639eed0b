#!/usr/bin/env bun
//MISE description="Create the roles with which jobs and operators create clusters, as an owner of the subscription"
//USAGE flag "--dry-run" help="show what would be done; change nothing"
//USAGE flag "--retain" help="keep the resources of a stack whose creation failed, so that they can be inspected"
//USAGE flag "--adopt" help="take over zones and stacks of these names that another tool created"
//USAGE flag "--allow-replacement" help="delete and recreate what can't be changed in place"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[account]" help="accounts by name; by default those with administrator credentials on this computer" var=#true
//USAGE complete "account" run="bun run tasks/fleet.ts --accounts"
// Written by `bun run generate` from clusters/*.ts and lib/generate/tasks.ts.

import { runTask } from "#lib/task.ts";
import { create } from "#lib/verbs/create.ts";

if (import.meta.main) await runTask(create, { accounts: { provider: "azure", of: "tenants" }, place: "cloud" });
