#!/usr/bin/env bun
//MISE description="Create the GKE cluster k04.k8s.gcp.mylabs.dev in GCP"
//USAGE flag "--dry-run" help="show what would be done; change nothing"
//USAGE flag "--retain" help="keep the resources of a stack whose creation failed, so that they can be inspected"
//USAGE flag "--adopt" help="take over zones, records and stacks of these names that another tool created"
//USAGE flag "--allow-replacement" help="delete and recreate what can't be changed in place"
//USAGE flag "--skip-dns-check" help="don't verify delegations at the name servers, for networks that block port 53"
//USAGE flag "--no-gitops" help="skip Argo CD and its applications"
//USAGE flag "--revision <name>" help="branch, tag or commit that Argo CD reads, instead of the fleet's"
//USAGE flag "--argocd-manifest <file>" help="Argo CD's install manifest from a file or folder, instead of the pinned one from the internet"
//USAGE flag "--no-wait" help="don't wait until the applications are synced and healthy"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
// Written by `bun run generate` from clusters/*.ts and lib/generate/tasks.ts.

import { runTask } from "#lib/task.ts";
import { create } from "#lib/verbs/create.ts";

if (import.meta.main) await runTask(create, { cluster: "k04.k8s.gcp.mylabs.dev", providers: ["gcp"], place: "cloud" });
