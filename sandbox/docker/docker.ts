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
  imageRow,
  inspectContainer,
  inspectImage,
  inspectNetwork,
  networkRow,
  volumeRow,
} from "#sandbox/docker/view.ts";

const ENGINE_VERSION = "28.5.2";
const API_VERSION = "1.51";
/** Stopping a container takes its processes a moment. */
const STOP_MS = 100;

interface Command {
  readonly specification: FlagSpecification;
  readonly run: (context: ProgramContext, args: ParsedArguments) => void | Promise<void>;
}

const NO_FLAGS: FlagSpecification = { flags: {} };
const FORMAT: FlagSpecification = { flags: { format: "string" }, short: { f: "format" } };
const LISTING: FlagSpecification = {
  flags: { all: "boolean", quiet: "boolean", "no-trunc": "boolean", filter: "list", format: "string" },
  short: { a: "all", q: "quiet", f: "filter" },
};

const listContainers: Command = {
  specification: LISTING,
  run: ({ state, out }, args) => {
    none(args);
    const matches = containerFilter(args.values("filter"));
    const shown = state
      .containers()
      .filter((one) => (args.is("all") || one.state.status === "running") && matches(one))
      // Newest first.
      .toReversed();
    const rows = shown.map((one) => containerRow(one, !args.is("no-trunc")));
    if (args.is("quiet")) for (const row of rows) out(row.ID ?? "");
    else if (wantsJson(args)) for (const row of rows) out(toJsonLine(row));
    else {
      const header = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
      const cells = rows.map((row) => [
        row.ID,
        row.Image,
        row.Command,
        row.RunningFor,
        row.Status,
        row.Ports,
        row.Names,
      ]);
      for (const line of formatTable(
        header,
        cells.map((row) => row.map((cell) => cell ?? "")),
      ))
        out(line);
    }
  },
};

const inspectContainers: Command = {
  specification: NO_FLAGS,
  run: (context, args) => inspect(context, args, "Error response from daemon: No such container: "),
};

const startContainers: Command = {
  specification: NO_FLAGS,
  run: async (context, args) => {
    const failed: string[] = [];
    for (const reference of some(args)) {
      const succeeded = await eachContainer(context, reference, async (container) => {
        await context.daemon.start(container.id);
      });
      if (!succeeded) failed.push(reference);
    }
    if (failed.length === 0) return;
    context.err(`Error: failed to start containers: ${failed.join(", ")}`);
    throw new Exit(1);
  },
};

const stopContainers: Command = {
  specification: { flags: { time: "string", timeout: "string" }, short: { t: "time" } },
  run: async (context, args) => {
    let failures = 0;
    for (const reference of some(args)) {
      const succeeded = await eachContainer(context, reference, async (container) => {
        if (container.state.status === "running") await context.pace.wait(STOP_MS);
        await context.daemon.stop(container.id);
      });
      if (!succeeded) failures++;
    }
    if (failures > 0) throw new Exit(1);
  },
};

const removeContainers: Command = {
  specification: { flags: { force: "boolean", volumes: "boolean" }, short: { f: "force", v: "volumes" } },
  run: async (context, args) => {
    let failures = 0;
    for (const reference of some(args)) {
      const container = context.state.container(reference);
      // With --force the CLI reports a missing container and still succeeds.
      if (container === undefined && args.is("force")) {
        context.err(`Error response from daemon: No such container: ${reference}`);
        continue;
      }
      const succeeded = await eachContainer(context, reference, async (found) => {
        if (found.state.status === "running" && !args.is("force")) {
          throw new DockerError(
            `You cannot remove a running container ${found.id}. ` +
              "Stop the container before attempting removal or force remove",
          );
        }
        await context.daemon.remove(found.id);
        if (args.is("volumes")) removeAnonymousVolumes(context.state, found);
      });
      if (!succeeded) failures++;
    }
    if (failures > 0) throw new Exit(1);
  },
};

const listImages: Command = {
  specification: { flags: { format: "string", quiet: "boolean" }, short: { q: "quiet" } },
  run: ({ state, out }, args) => {
    none(args);
    const rows = state.images().map((image) => imageRow(image));
    if (args.is("quiet")) for (const row of rows) out(row.ID ?? "");
    else if (wantsJson(args)) for (const row of rows) out(toJsonLine(row));
    else {
      const header = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
      const cells = rows.map((row) =>
        [row.Repository, row.Tag, row.ID, row.CreatedSince, row.Size].map((cell) => cell ?? ""),
      );
      for (const line of formatTable(header, cells)) out(line);
    }
  },
};

const pull: Command = {
  specification: { flags: { quiet: "boolean" }, short: { q: "quiet" } },
  run: async (context, args) => {
    const [reference = "", ...more] = some(args);
    if (more.length > 0) throw new UnknownUsage("a second image");
    try {
      await pullImage(context, reference, args.is("quiet") ? () => {} : context.out);
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      context.err(`Error response from daemon: ${error.message}`);
      throw new Exit(1);
    }
  },
};

/** By the words that name them; the longest match counts. */
const commands: Readonly<Record<string, Command>> = {
  version: { specification: FORMAT, run: ({ out }, args) => showVersion(out, args) },
  info: { specification: FORMAT, run: showInfo },
  ps: listContainers,
  "container ls": listContainers,
  "container list": listContainers,
  "container ps": listContainers,
  inspect: { specification: NO_FLAGS, run: (context, args) => inspect(context, args, "Error: No such object: ") },
  "container inspect": inspectContainers,
  start: startContainers,
  "container start": startContainers,
  stop: stopContainers,
  "container stop": stopContainers,
  rm: removeContainers,
  "container rm": removeContainers,
  images: listImages,
  "image ls": listImages,
  "image inspect": {
    specification: NO_FLAGS,
    run: ({ state, out, err }, args) => {
      const found = some(args).flatMap((reference) => {
        const image = findImage(state, reference);
        if (image === undefined) {
          err(`Error response from daemon: no such image: ${reference}: No such image: ${reference}`);
          return [];
        }
        return [inspectImage(image)];
      });
      printJson(out, found);
      if (found.length < args.positional.length) throw new Exit(1);
    },
  },
  pull,
  "image pull": pull,
  "network inspect": {
    specification: NO_FLAGS,
    run: ({ state, out, err }, args) => {
      const found = some(args).flatMap((reference) => {
        const network = state.network(reference);
        if (network !== undefined) return [inspectNetwork(network, state)];
        err(`Error response from daemon: network ${reference} not found`);
        return [];
      });
      printJson(out, found);
      if (found.length < args.positional.length) throw new Exit(1);
    },
  },
  "network create": {
    specification: {
      flags: { driver: "string", label: "list", opt: "list", ipv6: "boolean", subnet: "list" },
      short: { d: "driver", o: "opt" },
    },
    run: async (context, args) => {
      const [name = "", ...more] = some(args);
      const driver = args.value("driver") ?? "bridge";
      if (more.length > 0) throw new UnknownUsage("a second network name");
      if (driver !== "bridge") throw new UnknownUsage(`network driver ${driver}`);
      const subnets = args.values("subnet");
      const ipv6Subnet = subnets.find((subnet) => subnet.includes(":"));
      const subnet = subnets.find((one) => !one.includes(":"));
      if (args.is("ipv6") !== (ipv6Subnet !== undefined))
        throw new UnknownUsage("--ipv6 without an IPv6 --subnet, or the reverse");
      await orDockerError(context, () => {
        const network = createNetwork(context.state, {
          name,
          labels: parsePairs(args.values("label")),
          options: parsePairs(args.values("opt")),
          ...(ipv6Subnet === undefined ? {} : { ipv6Subnet }),
          ...(subnet === undefined ? {} : { subnet }),
        });
        context.out(network.id);
      });
    },
  },
  "network rm": {
    specification: NO_FLAGS,
    run: (context, args) => {
      let failures = 0;
      for (const name of some(args)) {
        try {
          removeNetwork(context.state, name);
          context.out(name);
        } catch (error) {
          if (!(error instanceof DockerError)) throw error;
          context.err(`Error response from daemon: ${error.message}`);
          failures++;
        }
      }
      if (failures === 0) return;
      context.err("exit status 1");
      throw new Exit(1);
    },
  },
  "network ls": {
    specification: LISTING,
    run: ({ state, out }, args) => {
      none(args);
      const matches = namedFilter(args.values("filter"), "network");
      const rows = state
        .networks()
        .filter(matches)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map((network) => networkRow(network, !args.is("no-trunc")));
      if (args.is("quiet")) for (const row of rows) out(row.ID ?? "");
      else if (wantsJson(args)) for (const row of rows) out(toJsonLine(row));
      else {
        const cells = rows.map((row) => [row.ID, row.Name, row.Driver, row.Scope].map((cell) => cell ?? ""));
        for (const line of formatTable(["NETWORK ID", "NAME", "DRIVER", "SCOPE"], cells)) out(line);
      }
    },
  },
  "volume ls": {
    specification: LISTING,
    run: ({ state, out }, args) => {
      none(args);
      const matches = namedFilter(args.values("filter"), "volume");
      const volumes = state.volumes().filter(matches);
      if (args.is("quiet")) for (const { name } of volumes) out(name);
      else if (wantsJson(args)) for (const volume of volumes) out(toJsonLine(volumeRow(volume)));
      else
        for (const line of formatTable(
          ["DRIVER", "VOLUME NAME"],
          volumes.map(({ name }) => ["local ", name]),
        ))
          out(line);
    },
  },
  "volume rm": {
    specification: { flags: { force: "boolean" }, short: { f: "force" } },
    run: (context, args) => {
      let failures = 0;
      for (const name of some(args)) {
        try {
          removeVolume(context.state, name);
          context.out(name);
        } catch (error) {
          if (!(error instanceof DockerError)) throw error;
          if (args.is("force") && error.message.endsWith("no such volume")) {
            context.out(name);
            continue;
          }
          context.err(`Error response from daemon: ${error.message}`);
          failures++;
        }
      }
      if (failures > 0) throw new Exit(1);
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

/** Does something with a container and says its name, or says what Docker refused. */
async function eachContainer(
  { state, out, err }: ProgramContext,
  reference: string,
  work: (container: Container) => Promise<void>,
): Promise<boolean> {
  try {
    const container = state.container(reference);
    if (container === undefined) throw new DockerError(`No such container: ${reference}`);
    await work(container);
    out(reference);
    return true;
  } catch (error) {
    if (!(error instanceof DockerError || error instanceof DaemonRefusal)) throw error;
    err(`Error response from daemon: ${error.message}`);
    return false;
  }
}

async function orDockerError({ err }: ProgramContext, work: () => void): Promise<void> {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    err(`Error response from daemon: ${error.message}`);
    throw new Exit(1);
  }
}

function inspect({ state, out, err }: ProgramContext, args: ParsedArguments, missing: string): void {
  const found = some(args).flatMap((reference) => {
    const container = state.container(reference);
    if (container !== undefined) return [inspectContainer(container, state)];
    return [{ missing: reference }];
  });
  const isMissing = (one: unknown): one is { missing: string } =>
    typeof one === "object" && one !== null && "missing" in one;
  printJson(
    out,
    found.filter((one) => !isMissing(one)),
  );
  const absent = found.filter(isMissing);
  for (const one of absent) err(`${missing}${one.missing}`);
  if (absent.length > 0) throw new Exit(1);
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

function namedFilter(filters: readonly string[], what: "network" | "volume") {
  const by = groupFilters(filters, what === "network" ? ["label", "name", "driver"] : ["label", "name"]);
  return (one: {
    readonly name: string;
    readonly driver?: string;
    readonly labels: Readonly<Record<string, string>>;
  }) =>
    (by.get("label") ?? []).every((label) => hasLabel(one.labels, label)) &&
    (by.get("name") ?? [""]).some((name) => new RegExp(name).test(one.name)) &&
    (by.get("driver") ?? [one.driver]).some((driver) => driver === one.driver);
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
  const common = { ApiVersion: API_VERSION, GitCommit: "sandbox", GoVersion: "go1.24.9", Os: "linux", Arch: "amd64" };
  const server = {
    Platform: { Name: "Docker Engine (sandbox)" },
    Components: [
      { Name: "Engine", Version: ENGINE_VERSION, Details: { ApiVersion: API_VERSION, MinAPIVersion: "1.24" } },
    ],
    Version: ENGINE_VERSION,
    MinAPIVersion: "1.24",
    ...common,
  };
  out(
    toJsonLine({
      Client: { Version: ENGINE_VERSION, DefaultAPIVersion: API_VERSION, ...common, Context: "default" },
      Server: server,
    }),
  );
}

function showInfo({ state, paths, out }: ProgramContext, args: ParsedArguments): void {
  none(args);
  if (!wantsJson(args)) throw new UnknownUsage("info without --format '{{json .}}'");
  const containers = state.containers();
  const running = containers.filter((one) => one.state.status === "running").length;
  out(
    toJsonLine({
      ID: "sandbox",
      Containers: containers.length,
      ContainersRunning: running,
      ContainersPaused: 0,
      ContainersStopped: containers.length - running,
      Images: state.images().length,
      Driver: "overlay2",
      CgroupDriver: "systemd",
      CgroupVersion: "2",
      KernelVersion: "6.12.0-sandbox",
      OperatingSystem: "Sandbox (no container runs)",
      OSType: "linux",
      Architecture: "x86_64",
      NCPU: availableParallelism(),
      MemTotal: totalmem(),
      // A folder that is there, so that a check of free space has something to look at.
      DockerRootDir: paths.state,
      Name: "sandbox",
      ServerVersion: ENGINE_VERSION,
      Warnings: null,
      ServerErrors: [],
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

function printJson(out: (text: string) => void, values: readonly unknown[]): void {
  out(JSON.stringify(values, undefined, 4));
}

function some(args: ParsedArguments): readonly string[] {
  if (args.positional.length === 0) throw new UnknownUsage("a call without arguments");
  return args.positional;
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
