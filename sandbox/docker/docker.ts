import { availableParallelism, totalmem } from "node:os";
import { DaemonRefusal } from "#sandbox/daemon-client.ts";
import {
  type FlagSpecification,
  type ParsedArguments,
  parseArguments,
  parsePairs,
  UnknownUsage,
} from "#sandbox/docker/argv.ts";
import {
  createNetwork,
  DockerError,
  findImage,
  removeAnonymousVolumes,
  removeNetwork,
  removeVolume,
} from "#sandbox/docker/engine.ts";
import type { Container } from "#sandbox/docker/model.ts";
import { Exit, type ProgramContext, runProgram } from "#sandbox/docker/program.ts";
import { pullImage } from "#sandbox/docker/pull.ts";
import {
  containerRow,
  formatTable,
  inspectContainer,
  inspectImage,
  inspectNetwork,
  networkRow,
  volumeRow,
} from "#sandbox/docker/view.ts";

const ENGINE_VERSION = "28.5.2";
/** Stopping a container takes its processes a moment. */
const STOP_MS = 100;

interface Command {
  readonly specification: FlagSpecification;
  readonly run: (context: ProgramContext, args: ParsedArguments) => void | Promise<void>;
}

const NO_FLAGS: FlagSpecification = { flags: {} };
const FORMAT: FlagSpecification = { flags: { format: "string" } };
const LISTING: FlagSpecification = {
  flags: { all: "boolean", quiet: "boolean", "no-trunc": "boolean", filter: "list", format: "string" },
  short: { a: "all", q: "quiet", f: "filter" },
};
/** Networks and volumes have no --all. */
const NAMED: FlagSpecification = {
  flags: { quiet: "boolean", "no-trunc": "boolean", filter: "list", format: "string" },
  short: { q: "quiet", f: "filter" },
};

const listContainers: Command = {
  specification: LISTING,
  run: ({ state, out }, args) => {
    const matches = containerFilter(args.values("filter"));
    const shown = state
      .containers()
      .filter((one) => (args.is("all") || one.state.status === "running") && matches(one))
      // Newest first.
      .toReversed();
    printRows(
      out,
      args,
      shown.map((one) => containerRow(one, !args.is("no-trunc"))),
      {
        "CONTAINER ID": "ID",
        IMAGE: "Image",
        COMMAND: "Command",
        CREATED: "CreatedAt",
        STATUS: "Status",
        PORTS: "Ports",
        NAMES: "Names",
      },
    );
  },
};

const startContainers: Command = {
  specification: NO_FLAGS,
  run: async (context, args) => {
    const failed = await each(context, args, (reference) => context.daemon.start(containerOf(context, reference).id));
    if (failed.length === 0) return;
    context.err(`Error: failed to start containers: ${failed.join(", ")}`);
    throw new Exit(1);
  },
};

const stopContainers: Command = {
  specification: NO_FLAGS,
  run: async (context, args) => {
    const failed = await each(context, args, async (reference) => {
      const container = containerOf(context, reference);
      if (container.state.status === "running") await context.pace.wait(STOP_MS);
      await context.daemon.stop(container.id);
    });
    if (failed.length > 0) throw new Exit(1);
  },
};

const removeContainers: Command = {
  specification: { flags: { force: "boolean", volumes: "boolean" }, short: { f: "force", v: "volumes" } },
  run: async (context, args) => {
    const failed = await each(context, args, async (reference) => {
      const container = containerOf(context, reference);
      if (container.state.status === "running" && !args.is("force")) {
        throw new DockerError(
          `You cannot remove a running container ${container.id}. ` +
            "Stop the container before attempting removal or force remove",
        );
      }
      await context.daemon.remove(container.id);
      if (args.is("volumes")) removeAnonymousVolumes(context.state, container);
    });
    // With --force the CLI reports a missing container and still succeeds.
    const isMissing = (reference: string) => context.state.container(reference) === undefined;
    if (failed.some((reference) => !(args.is("force") && isMissing(reference)))) throw new Exit(1);
  },
};

/** By the words that name them; the longest match counts. */
const commands: Readonly<Record<string, Command>> = {
  version: { specification: FORMAT, run: ({ out }, args) => showVersion(out, args) },
  info: { specification: FORMAT, run: showInfo },
  ps: listContainers,
  "container ls": listContainers,
  inspect: inspection(inspectedContainer, (name) => `Error: No such object: ${name}`),
  "container inspect": inspection(
    inspectedContainer,
    (name) => `Error response from daemon: No such container: ${name}`,
  ),
  start: startContainers,
  "container start": startContainers,
  stop: stopContainers,
  "container stop": stopContainers,
  rm: removeContainers,
  "container rm": removeContainers,
  "image inspect": inspection(
    ({ state }, name) => {
      const image = findImage(state, name);
      return image && inspectImage(image);
    },
    (name) => `Error response from daemon: no such image: ${name}: No such image: ${name}`,
  ),
  pull: {
    specification: NO_FLAGS,
    run: async (context, args) => {
      const reference = only(args);
      await orRefused(context, () => pullImage(context, reference, context.out));
    },
  },
  "network inspect": inspection(
    ({ state }, name) => {
      const network = state.network(name);
      return network && inspectNetwork(network, state);
    },
    (name) => `Error response from daemon: network ${name} not found`,
  ),
  "network create": {
    specification: {
      flags: { driver: "string", label: "list", opt: "list", ipv6: "boolean", subnet: "string" },
    },
    run: async (context, args) => {
      const name = only(args);
      const driver = args.value("driver") ?? "bridge";
      if (driver !== "bridge") throw new UnknownUsage(`network driver ${driver}`);
      const ipv6Subnet = args.value("subnet");
      if (args.is("ipv6") !== (ipv6Subnet?.includes(":") ?? false))
        throw new UnknownUsage("--ipv6 without an IPv6 --subnet, or the reverse");
      if (ipv6Subnet?.includes(":") === false) throw new UnknownUsage(`--subnet ${ipv6Subnet}`);
      await orRefused(context, () => {
        const labels = parsePairs(args.values("label"));
        const options = parsePairs(args.values("opt"));
        const network = createNetwork(context.state, { name, labels, options, ipv6Subnet });
        context.out(network.id);
      });
    },
  },
  "network rm": {
    specification: NO_FLAGS,
    run: async (context, args) => {
      const failed = await each(context, args, (name) => void removeNetwork(context.state, name));
      if (failed.length === 0) return;
      context.err("exit status 1");
      throw new Exit(1);
    },
  },
  "network ls": {
    specification: NAMED,
    run: ({ state, out }, args) => {
      const rows = state
        .networks()
        .filter(namedFilter(args.values("filter")))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map((network) => networkRow(network, !args.is("no-trunc")));
      printRows(out, args, rows, { "NETWORK ID": "ID", NAME: "Name", DRIVER: "Driver", SCOPE: "Scope" });
    },
  },
  "volume ls": {
    specification: NAMED,
    run: ({ state, out }, args) => {
      const volumes = state.volumes().filter(namedFilter(args.values("filter")));
      printRows(out, args, volumes.map(volumeRow), { DRIVER: "Driver", "VOLUME NAME": "Name" });
    },
  },
  "volume rm": {
    specification: NO_FLAGS,
    run: async (context, args) => {
      const failed = await each(context, args, (name) => removeVolume(context.state, name));
      if (failed.length > 0) throw new Exit(1);
    },
  },
};

async function main(context: ProgramContext): Promise<void> {
  const { argv } = context;
  for (const words of [2, 1]) {
    const command = commands[argv.slice(0, words).join(" ")];
    if (command === undefined) continue;
    await command.run(context, parseArguments(argv.slice(words), command.specification));
    return;
  }
  throw new UnknownUsage(`the command "${argv.slice(0, 2).join(" ")}"`);
}

/** Does something with each of the arguments and prints it, or what Docker refuses. @returns those that failed */
async function each(
  { out, err }: ProgramContext,
  args: ParsedArguments,
  work: (reference: string) => void | Promise<void>,
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const reference of some(args)) {
    try {
      await work(reference);
      out(reference);
    } catch (error) {
      if (!(error instanceof DockerError || error instanceof DaemonRefusal)) throw error;
      err(`Error response from daemon: ${error.message}`);
      failed.push(reference);
    }
  }
  return failed;
}

async function orRefused({ err }: ProgramContext, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    err(`Error response from daemon: ${error.message}`);
    throw new Exit(1);
  }
}

function containerOf({ state }: ProgramContext, reference: string): Container {
  const container = state.container(reference);
  if (container === undefined) throw new DockerError(`No such container: ${reference}`);
  return container;
}

function inspectedContainer({ state }: ProgramContext, reference: string): unknown {
  const container = state.container(reference);
  return container && inspectContainer(container, state);
}

/** Prints what is there as a list, and an error for each name that is missing. */
function inspection(
  find: (context: ProgramContext, name: string) => unknown,
  missing: (name: string) => string,
): Command {
  return {
    specification: NO_FLAGS,
    run: (context, args) => {
      const found = some(args).map((name) => ({ name, object: find(context, name) }));
      const objects = found.flatMap(({ object }) => object ?? []);
      context.out(JSON.stringify(objects, undefined, 4));
      for (const { name, object } of found) if (object === undefined) context.err(missing(name));
      if (objects.length < found.length) throw new Exit(1);
    },
  };
}

/** Rows as ids, as JSON, or as a table. @param columns the field of a row by the title of its column */
function printRows(
  out: (text: string) => void,
  args: ParsedArguments,
  rows: readonly Readonly<Record<string, string>>[],
  columns: Readonly<Record<string, string>>,
): void {
  none(args);
  if (args.is("quiet")) for (const { ID, Name = "" } of rows) out(ID ?? Name);
  else if (wantsJson(args)) for (const row of rows) out(toJsonLine(row));
  else {
    const cells = rows.map((row) => Object.values(columns).map((field) => row[field] ?? ""));
    for (const line of formatTable(Object.keys(columns), cells)) out(line);
  }
}

/** Filters of one key: any value of `name`, `network` and `publish` will do, all labels must be there. */
function containerFilter(filters: readonly string[]): (container: Container) => boolean {
  const by = groupFilters(filters, ["label", "name", "network", "publish"]);
  const anyOf = (key: string, matches: (value: string) => boolean) => {
    const values = by.get(key) ?? [];
    return values.length === 0 || values.some(matches);
  };
  return (container) =>
    (by.get("label") ?? []).every((label) => hasLabel(container.labels, label)) &&
    anyOf("name", (name) => new RegExp(name).test(container.name) || new RegExp(name).test(`/${container.name}`)) &&
    anyOf("network", (network) => container.network === network) &&
    anyOf(
      "publish",
      (port) => container.state.status === "running" && String(container.port?.hostPort) === port.replace(/\/tcp$/, ""),
    );
}

function namedFilter(filters: readonly string[]) {
  const names = groupFilters(filters, ["name"]).get("name") ?? [""];
  return (one: { readonly name: string }) => names.some((name) => new RegExp(name).test(one.name));
}

function groupFilters(filters: readonly string[], known: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const filter of filters) {
    const at = filter.indexOf("=");
    const key = filter.slice(0, Math.max(at, 0));
    if (!known.includes(key)) throw new UnknownUsage(`the filter ${filter}`);
    groups.set(key, [...(groups.get(key) ?? []), filter.slice(at + 1)]);
  }
  return groups;
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const at = wanted.indexOf("=");
  return at < 0 ? labels[wanted] !== undefined : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

function showVersion(out: (text: string) => void, args: ParsedArguments): void {
  none(args);
  if (!wantsJson(args)) throw new UnknownUsage("version without --format '{{json .}}'");
  out(toJsonLine({ Client: { Version: ENGINE_VERSION }, Server: { Version: ENGINE_VERSION } }));
}

function showInfo({ paths, out }: ProgramContext, args: ParsedArguments): void {
  none(args);
  if (!wantsJson(args)) throw new UnknownUsage("info without --format '{{json .}}'");
  out(
    toJsonLine({
      CgroupVersion: "2",
      OperatingSystem: "Sandbox (no container runs)",
      OSType: "linux",
      NCPU: availableParallelism(),
      MemTotal: totalmem(),
      // A folder that is there, so that a check of free space has something to look at.
      DockerRootDir: paths.state,
      Name: "sandbox",
      ServerVersion: ENGINE_VERSION,
    }),
  );
}

function wantsJson(args: ParsedArguments): boolean {
  const format = args.value("format");
  if (format === undefined) return false;
  if (format === "json" || /^\{\{\s*json \.\s*\}\}$/.test(format)) return true;
  throw new UnknownUsage(`the format ${format}`);
}

/** Go's encoder writes these three as escapes. */
function toJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}

function some(args: ParsedArguments): readonly string[] {
  if (args.positional.length === 0) throw new UnknownUsage("a call without arguments");
  return args.positional;
}

function only(args: ParsedArguments): string {
  const [argument = "", ...more] = some(args);
  if (more.length > 0) throw new UnknownUsage(`the argument ${more[0]}`);
  return argument;
}

function none(args: ParsedArguments): void {
  if (args.positional.length > 0) throw new UnknownUsage(`the argument ${args.positional[0]}`);
}

if (import.meta.main) {
  process.exitCode = await runProgram("docker", main, ({ err }, socket) => {
    err(`Cannot connect to the Docker daemon at unix://${socket}. Is the docker daemon running?`);
    return 1;
  });
}
