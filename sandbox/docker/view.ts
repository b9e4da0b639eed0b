import type { Container, Image, Network, Volume } from "#sandbox/docker/model.ts";
import type { DockerState } from "#sandbox/docker/state.ts";

/** `docker container inspect`: the fields that tasks read and that tell what a container is. */
export function inspectContainer(container: Container, state: DockerState): unknown {
  const { port, state: current } = container;
  const running = current.status === "running";
  const network = state.network(container.network);
  const binding = port === undefined ? undefined : [{ HostIp: port.hostIp, HostPort: String(port.hostPort) }];
  return {
    Id: container.id,
    Created: container.created,
    State: {
      Status: current.status,
      Running: running,
      ExitCode: current.exitCode,
      Error: current.error,
      StartedAt: current.startedAt,
      FinishedAt: current.finishedAt,
    },
    Image: container.imageId,
    Name: `/${container.name}`,
    HostConfig: {
      NetworkMode: container.networkMode,
      PortBindings: port === undefined ? null : { [port.container]: binding },
    },
    Config: {
      Hostname: container.name,
      Cmd: container.cmd,
      Image: container.image,
      Entrypoint: container.entrypoint,
      Labels: container.labels,
    },
    NetworkSettings: {
      Ports: running && port !== undefined ? { [tcp(port.container)]: binding } : {},
      Networks: {
        [container.network]: {
          NetworkID: network?.id ?? "",
          Gateway: running ? (network?.gateway ?? "") : "",
          IPAddress: running ? container.address : "",
        },
      },
    },
  };
}

export function inspectNetwork(network: Network, state: DockerState): unknown {
  const members = state.containers().filter((one) => one.network === network.name && one.state.status === "running");
  const prefix = network.subnet.split("/")[1];
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: "local",
    Driver: "bridge",
    EnableIPv6: network.ipv6Subnet !== undefined,
    IPAM: {
      Driver: "default",
      Config: [
        { Subnet: network.subnet, Gateway: network.gateway },
        ...(network.ipv6Subnet === undefined ? [] : [{ Subnet: network.ipv6Subnet }]),
      ],
    },
    Containers: Object.fromEntries(
      members.map(({ id, name, address }) => [id, { Name: name, IPv4Address: `${address}/${prefix}` }]),
    ),
    Options: network.options,
    Labels: network.labels,
  };
}

export function inspectImage(image: Image): unknown {
  return {
    Id: image.id,
    RepoTags: image.tag === undefined ? [] : [`${image.repository}:${image.tag}`],
    RepoDigests: [`${image.repository}@${image.digest}`],
  };
}

type Row = Readonly<Record<string, string>>;

/** One line of `docker container ls --format '{{json .}}'`. */
export function containerRow(container: Container, truncate: boolean): Row {
  const { port, state } = container;
  const command = [...container.entrypoint, ...(container.cmd ?? [])].join(" ");
  return {
    Command: `"${truncate ? shorten(command, 20) : command}"`,
    ID: truncate ? container.id.slice(0, 12) : container.id,
    Image: container.image,
    Labels: labelsOf(container),
    Names: container.name,
    Ports:
      state.status === "running" && port !== undefined ? `${port.hostIp}:${port.hostPort}->${tcp(port.container)}` : "",
    CreatedAt: container.created,
    State: state.status,
    Status: formatStatus(container),
  };
}

export function networkRow(network: Network, truncate: boolean): Row {
  return {
    Driver: "bridge",
    ID: truncate ? network.id.slice(0, 12) : network.id,
    IPv6: String(network.ipv6Subnet !== undefined),
    Labels: labelsOf(network),
    Name: network.name,
    Scope: "local",
  };
}

export function volumeRow(volume: Volume): Row {
  return { Driver: "local", Labels: labelsOf(volume), Name: volume.name, Scope: "local" };
}

function labelsOf({ labels }: { readonly labels: Readonly<Record<string, string>> }): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.map(([key, value]) => `${key}=${value}`).join(",");
}

/** Columns as Docker's tabwriter sets them: at least 10 wide, three blanks apart, the last one not padded. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)) + 3);
  return all.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join(""),
  );
}

function tcp(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** Docker adds how long for. */
function formatStatus({ state }: Container): string {
  if (state.status === "created") return "Created";
  return state.status === "running" ? "Up" : `Exited (${state.exitCode})`;
}
