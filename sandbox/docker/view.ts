import type { Container, Image, Network, Volume } from "#sandbox/docker/model.ts";
import type { DockerState } from "#sandbox/docker/state.ts";

/** `docker container inspect`: the fields that the real one fills for kind's and k3d's containers, and no others. */
export function inspectContainer(container: Container, state: DockerState): unknown {
  const { port, state: current } = container;
  const running = current.status === "running";
  const network = state.network(container.network);
  const binding = port === undefined ? undefined : [{ HostIp: port.hostIp, HostPort: String(port.hostPort) }];
  return {
    Id: container.id,
    Created: container.created,
    Path: container.path,
    Args: container.args,
    State: {
      Status: current.status,
      Running: running,
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: running ? 1 : 0,
      ExitCode: current.exitCode,
      Error: current.error,
      StartedAt: current.startedAt,
      FinishedAt: current.finishedAt,
    },
    Image: container.imageId,
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: "overlay2",
    Platform: "linux",
    HostConfig: {
      Binds: container.mounts.flatMap((mount) => (isAnonymous(mount.name) ? [] : [bindOf(mount)])),
      NetworkMode: container.networkMode,
      PortBindings: port === undefined ? null : { [port.container]: binding },
      RestartPolicy: container.restartPolicy,
      Privileged: true,
    },
    Mounts: container.mounts.map((mount) => ({
      Type: mount.type,
      ...(mount.name === undefined ? {} : { Name: mount.name }),
      Source: mount.source,
      Destination: mount.destination,
      ...(mount.type === "volume" ? { Driver: "local" } : {}),
      Mode: mount.mode,
      RW: mount.writable,
      Propagation: mount.type === "bind" ? "rprivate" : "",
    })),
    Config: {
      Hostname: container.name,
      Domainname: "",
      User: "",
      ...(port === undefined ? {} : { ExposedPorts: { [port.container]: {} } }),
      Tty: container.tty,
      Env: container.env,
      Cmd: container.cmd,
      Image: container.image,
      WorkingDir: "",
      Entrypoint: container.entrypoint,
      Labels: container.labels,
    },
    NetworkSettings: {
      Ports: running && port !== undefined ? { [tcp(port.container)]: binding } : {},
      Networks: {
        [container.network]: {
          IPAMConfig: null,
          Links: null,
          Aliases: [container.id.slice(0, 12), container.name],
          MacAddress: running ? container.mac : "",
          NetworkID: network?.id ?? "",
          EndpointID: running ? container.endpointId : "",
          Gateway: running ? (network?.gateway ?? "") : "",
          IPAddress: running ? container.address : "",
          IPPrefixLen: running ? Number(network?.subnet.split("/")[1] ?? 0) : 0,
          IPv6Gateway: "",
          GlobalIPv6Address: "",
          GlobalIPv6PrefixLen: 0,
          DriverOpts: null,
        },
      },
    },
  };
}

export function inspectNetwork(network: Network, state: DockerState): unknown {
  const members = state.containers().filter((one) => one.network === network.name && one.state.status === "running");
  const prefix = network.subnet.split("/")[1] ?? "16";
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: "local",
    Driver: network.driver,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: "default",
      Options: network.builtin ? null : {},
      Config: [
        ...(network.subnet === "" ? [] : [{ Subnet: network.subnet, Gateway: network.gateway }]),
        ...(network.ipv6Subnet === undefined ? [] : [{ Subnet: network.ipv6Subnet }]),
      ],
    },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      members.map((container) => [
        container.id,
        {
          Name: container.name,
          EndpointID: container.endpointId,
          MacAddress: container.mac,
          IPv4Address: `${container.address}/${prefix}`,
          IPv6Address: "",
        },
      ]),
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
    Created: image.created,
    Architecture: "amd64",
    Os: "linux",
    Size: image.size,
  };
}

/** One line of `docker container ls --format '{{json .}}'`. */
export function containerRow(container: Container, truncate: boolean, now = Date.now()): Record<string, string | null> {
  const { port, state } = container;
  const anonymous = container.mounts.filter((mount) => mount.type === "volume");
  const command = container.path + container.args.map((arg) => ` ${arg}`).join("");
  return {
    Command: `"${truncate ? shorten(command, 20) : command}"`,
    CreatedAt: spacedTime(container.created),
    ID: truncate ? container.id.slice(0, 12) : container.id,
    Image: container.image,
    Labels: Object.entries(container.labels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    LocalVolumes: String(anonymous.length),
    Mounts: container.mounts
      .map((mount) => mount.name ?? mount.source)
      .map((name) => (truncate ? shorten(name, 15) : name))
      .join(","),
    Names: container.name,
    Networks: container.network,
    Platform: null,
    Ports:
      state.status === "running" && port !== undefined ? `${port.hostIp}:${port.hostPort}->${tcp(port.container)}` : "",
    RunningFor: `${formatDuration(now - Date.parse(container.created))} ago`,
    Size: "0B",
    State: state.status,
    Status: formatStatus(container, now),
  };
}

export function networkRow(network: Network, truncate: boolean): Record<string, string> {
  return {
    CreatedAt: network.created.replace("T", " ").replace("Z", " +0000 UTC"),
    Driver: network.driver,
    ID: truncate ? network.id.slice(0, 12) : network.id,
    IPv4: "false",
    IPv6: String(network.ipv6),
    Internal: "false",
    Labels: Object.entries(network.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    Name: network.name,
    Scope: "local",
  };
}

export function volumeRow(volume: Volume): Record<string, string> {
  return {
    Availability: "N/A",
    Driver: "local",
    Group: "N/A",
    Labels: Object.entries(volume.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    Links: "N/A",
    Mountpoint: `/var/lib/docker/volumes/${volume.name}/_data`,
    Name: volume.name,
    Scope: "local",
    Size: "N/A",
    Status: "N/A",
  };
}

export function imageRow(image: Image, now = Date.now()): Record<string, string> {
  const size = image.size >= 1e9 ? `${(image.size / 1e9).toPrecision(3)}GB` : `${(image.size / 1e6).toPrecision(3)}MB`;
  return {
    Containers: "N/A",
    CreatedAt: spacedTime(image.created),
    CreatedSince: `${formatDuration(now - Date.parse(image.created))} ago`,
    Digest: "<none>",
    ID: image.id.slice("sha256:".length, "sha256:".length + 12),
    Repository: image.repository,
    SharedSize: "N/A",
    Size: size,
    Tag: image.tag ?? "<none>",
    UniqueSize: "N/A",
    VirtualSize: size,
  };
}

/** Columns as Docker's tabwriter sets them: at least 10 wide, three blanks apart, the last one not padded. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)) + 3);
  return all.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join(""),
  );
}

export function tcp(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

function bindOf(mount: Container["mounts"][number]): string {
  const source = mount.name ?? mount.source;
  return mount.type === "bind" ? `${source}:${mount.destination}:${mount.mode}` : `${source}:${mount.destination}`;
}

function isAnonymous(name: string | undefined): boolean {
  return name !== undefined && /^[0-9a-f]{64}$/.test(name);
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function spacedTime(time: string): string {
  return `${time.slice(0, 19).replace("T", " ")} +0000 UTC`;
}

function formatStatus({ state }: Container, now: number): string {
  if (state.status === "created") return "Created";
  if (state.status === "running") return `Up ${formatDuration(now - Date.parse(state.startedAt))}`;
  return `Exited (${state.exitCode}) ${formatDuration(now - Date.parse(state.finishedAt))} ago`;
}

/** As Docker's units.HumanDuration. */
export function formatDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(minutes / 60);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 14) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 60) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
