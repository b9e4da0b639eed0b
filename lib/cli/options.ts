import { parseArgs } from "node:util";
import { FleetError } from "#lib/errors.ts";
import { taskName } from "#lib/task-name.ts";

/** One option of a task: for parsing, `--help`, and the `//USAGE` lines that mise completes from. */
export interface OptionSpec {
  readonly name: string;
  readonly help: string;
  /** Name of its value; without it, the option is a flag. */
  readonly value?: string;
  readonly multiple?: boolean;
}

type OptionName =
  | "orphans"
  | "json"
  | "verbose"
  | "sandbox"
  | "fleet"
  | "account"
  | "provider"
  | "target"
  | "jobs"
  | "dryRun"
  | "yes"
  | "retain"
  | "adopt"
  | "allowReplacement"
  | "drift"
  | "allowAbsent"
  | "detailedExitcode"
  | "skipDnsCheck"
  | "skipDnsWait"
  | "noGitops"
  | "noWait"
  | "revision"
  | "argocdManifest"
  | "help";

export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  /** Shell command that lists its values, for completion. */
  readonly complete?: string;
}

export interface CommandSpec {
  readonly options: readonly OptionSpec[];
  /** Positional arguments, any number. */
  readonly argument?: ArgumentSpec;
}

export const option: Readonly<Record<OptionName, OptionSpec>> = {
  json: { name: "json", help: "print one JSON object per line and nothing else" },
  verbose: { name: "verbose", help: "show the stack of every error" },
  sandbox: {
    name: "sandbox",
    help: "run against the embedded sandbox: requires no account and no Docker",
  },
  fleet: { name: "fleet", value: "file", help: "another fleet: a .ts file that exports it, or .yaml, .json" },
  account: { name: "account", value: "name", multiple: true, help: "only resources of this account (repeatable)" },
  provider: { name: "provider", value: "name", multiple: true, help: "only aws, azure, gcp, kind or k3d (repeatable)" },
  target: {
    name: "target",
    value: "id",
    multiple: true,
    help: "only this resource, by the id that plan shows (repeatable)",
  },
  jobs: {
    name: "jobs",
    value: "count",
    help: "clusters to work on at once, in each cloud and on this computer; default: 32 in a cloud; on this computer, limited by its capacity",
  },
  dryRun: { name: "dry-run", help: "show what would be done; change nothing" },
  yes: { name: "yes", help: "don't ask before deleting; required in non-interactive shells" },
  orphans: {
    name: "orphans",
    help: "delete only clusters that this fleet created and that are no longer in it",
  },
  retain: {
    name: "retain",
    help: "keep containers and stack resources of a failed creation for debugging",
  },
  adopt: { name: "adopt", help: "take over clusters, zones and stacks of these names that another tool created" },
  allowReplacement: { name: "allow-replacement", help: "delete and recreate what can't be changed in place" },
  drift: { name: "drift", help: "detect drift of resources in the cloud too; takes minutes" },
  allowAbsent: { name: "allow-absent", help: "accept clusters and accounts that are not created yet" },
  detailedExitcode: {
    name: "detailed-exitcode",
    help: "exit with 0 without changes, 2 with changes, and 1 after an error",
  },
  skipDnsCheck: {
    name: "skip-dns-check",
    help: "don't verify delegations at the name servers, for networks that block port 53",
  },
  skipDnsWait: {
    name: "skip-dns-wait",
    help: "remove a zone at once, without waiting until resolvers no longer cache its delegation",
  },
  noGitops: { name: "no-gitops", help: "skip Argo CD and its applications" },
  noWait: { name: "no-wait", help: "don't wait until the applications are synced and healthy" },
  revision: {
    name: "revision",
    value: "name",
    help: "branch, tag or commit that Argo CD reads, instead of the fleet's",
  },
  argocdManifest: {
    name: "argocd-manifest",
    value: "file",
    help: "Argo CD's install manifest from a file or folder, instead of the pinned one from the internet",
  },
  help: { name: "help", help: "show this help; also -h" },
};

export const clusterArgument: ArgumentSpec = {
  name: "cluster",
  help: "clusters by name; all by default",
  complete: "bun run tasks/fleet.ts --names",
};

export const accountArgument: ArgumentSpec = {
  name: "account",
  help: "accounts by name; by default those with administrator credentials on this computer",
  complete: "bun run tasks/fleet.ts --accounts",
};

export interface Parsed {
  readonly flags: ReadonlySet<string>;
  /** Values by option name. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
}

/** @throws FleetError UnknownFlag, InvalidArgument */
export function parseOptions(spec: CommandSpec, argv: readonly string[]): Parsed {
  const known = [...spec.options, option.help];
  // Not strict: the messages of node's strict mode name neither the nearest option nor `--help`.
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      known.map((one) => [one.name, { type: one.value === undefined ? "boolean" : "string", multiple: true }] as const),
    ),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const flags = new Set<string>();
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    switch (token.kind) {
      case "option": {
        const found = known.find((one) =>
          token.rawName === "-h" ? one === option.help : `--${one.name}` === token.rawName,
        );
        if (found === undefined) throw unknownFlag(token.rawName, known);
        if (found.value === undefined) {
          if (token.value !== undefined) throw invalid(`--${found.name} takes no value, got "${token.value}"`);
          flags.add(found.name);
        } else {
          if (token.value === undefined || token.value === "") throw invalid(`--${found.name} needs a ${found.value}`);
          const given = values.get(found.name) ?? [];
          if (given.length > 0 && found.multiple !== true) throw invalid(`--${found.name} is given twice`);
          values.set(found.name, [...given, token.value]);
        }
        break;
      }
      case "positional":
        if (spec.argument === undefined) throw invalid(`unexpected argument "${token.value}"`);
        positionals.push(token.value);
        break;
      case "option-terminator":
        break;
      default:
        token satisfies never;
    }
  }
  return { flags, values, positionals };
}

function unknownFlag(given: string, known: readonly OptionSpec[]): FleetError {
  const names = known.map((one) => `--${one.name}`);
  // Prefix first: `--dry` is an abbreviation of `--dry-run` rather than a typo.
  const near =
    names.find((name) => given.length > 3 && name.startsWith(given)) ?? names.find((name) => isNear(given, name));
  const hint = near === undefined ? `there are: ${names.join(", ")}` : `did you mean ${near}? all options: --help`;
  return new FleetError("UnknownFlag", `unknown option ${given}`, { hint });
}

/** One letter wrong, missing or extra: detects typos without a library. */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const rest = (text: string, skip: number): string => text.slice(start + skip);
  return rest(a, 1) === rest(b, 1) || rest(a, 1) === rest(b, 0) || rest(a, 0) === rest(b, 1);
}

function invalid(message: string): FleetError {
  return new FleetError("InvalidArgument", message, { hint: "all options: --help" });
}

/** An integer of at least one. @throws FleetError InvalidArgument */
export function parseCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw invalid(`--${name} must be a whole number from 1 to 9999, got "${text}"`);
  return Number(text);
}

export function formatHelp(spec: CommandSpec, description: string, name: string = taskName()): string {
  const argument = spec.argument === undefined ? "" : ` [${spec.argument.name}…]`;
  const rows: [string, string][] = [...spec.options, option.help].map((one) => {
    return [`--${one.name}${one.value === undefined ? "" : ` <${one.value}>`}`, one.help];
  });
  if (spec.argument !== undefined) rows.unshift([`[${spec.argument.name}…]`, spec.argument.help]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    description,
    "",
    `usage: mise run ${name} [options]${argument}`,
    `   or: bun run tasks/${name.replaceAll(":", "/")}.ts [options]${argument}`,
    "",
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    "",
  ].join("\n");
}

/** The description in the task's header, which is its only copy. */
export async function readDescription(main: string = Bun.main): Promise<string> {
  const head = await Bun.file(main).slice(0, 2_000).text();
  return /^\/\/MISE description="(.*)"$/m.exec(head)?.[1] ?? "";
}

/** The `//USAGE` lines of a task's header: mise checks and completes options from them (https://usage.jdx.dev/spec/). */
export function formatUsage(spec: CommandSpec): readonly string[] {
  const quote = (text: string): string => JSON.stringify(text);
  const flags = spec.options.map(({ name, value, multiple, help }) => {
    const form = value === undefined ? `--${name}` : `--${name} <${value}>`;
    return `//USAGE flag ${quote(form)} help=${quote(help)}${multiple === true ? " var=#true" : ""}`;
  });
  if (spec.argument === undefined) return flags;
  const { name, help, complete } = spec.argument;
  return [
    ...flags,
    `//USAGE arg ${quote(`[${name}]`)} help=${quote(help)} var=#true`,
    ...(complete === undefined ? [] : [`//USAGE complete ${quote(name)} run=${quote(complete)}`]),
  ];
}
