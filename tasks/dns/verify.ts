#!/usr/bin/env bun
//MISE description="Verify every DNS delegation of the fleet at the authoritative servers"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.sandbox, option.fleet, option.json, option.verbose] };

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const [{ leftOutZones, verifyFleet }, { formatEdges }, { openDns }, { openSession }] = await Promise.all([
      import("#lib/commands/verify-dns.ts"),
      import("#lib/dns/format.ts"),
      import("#lib/dns/directory.ts"),
      import("#lib/commands/session.ts"),
    ]);
    const session = await openSession({ sandbox: flags.has("sandbox"), fleetFile: values.get("fleet")?.[0] });
    const { fleet, providers, environment } = session;
    const edges = await verifyFleet(openDns(environment.dnsDirectory), fleet, providers);
    if (flags.has("json")) for (const edge of edges) terminal.json(edge);
    else terminal.out(formatEdges(edges, fleet.domain, leftOutZones(fleet, providers)));
    return edges.every(({ state }) => state === "ok") ? 0 : 1;
  });
}
