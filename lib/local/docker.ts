import { z } from "zod";
import { FleetError } from "#lib/errors.ts";
import { type Exec, type ExecOptions, type ExecResult, lastLines, toExec } from "#lib/exec.ts";
import type { World } from "#lib/graph/world.ts";

/** The part of Docker's command line that local clusters need. */

const containerSchema = z.object({
  Id: z.string(),
  Name: z.string(),
  Config: z.object({
    Image: z.string(),
    Cmd: z.array(z.string()).nullish(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
  State: z.object({ Status: z.string(), StartedAt: z.string() }),
  HostConfig: z.object({
    PortBindings: z
      .record(z.string(), z.array(z.object({ HostIp: z.string(), HostPort: z.string() })).nullable())
      .nullish(),
  }),
});

/** A container without its environment, in which k3d keeps a token. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Docker's own word: created, running, exited, paused, dead, removing, restarting. */
  readonly status: string;
  /** Published ports, `127.0.0.1:6551` by `6443/tcp`. */
  readonly ports: Readonly<Record<string, string>>;
}

export const startDocker =
  "start Docker (Linux: sudo systemctl start docker), or try everything without it: add --sandbox";

/** For commands of docker: explains the usual faults. @throws FleetError DockerUnreachable, DockerDenied, ProgramFailed */
export function docker({ exec, signal }: World, preset: ExecOptions = {}): Exec {
  return toExec(
    async ({ nothrow = false, ...options }, pieces, args) => {
      const result = await exec({ ...options, nothrow: true })(pieces, ...args);
      if (result.exitCode === 0 || nothrow) return result;
      throw dockerError(result);
    },
    { signal, ...preset },
  );
}

export function dockerError(result: ExecResult): FleetError {
  const said = lastLines(result);
  const text = said.join("\n");
  if (/permission denied/i.test(text) && /docker(\.sock| daemon| API)/i.test(text)) {
    return new FleetError("DockerDenied", "docker denies access for this user: permission denied on its socket", {
      hint: 'sudo usermod -aG docker "$USER", then log in again; or try everything without Docker: add --sandbox',
      details: said,
    });
  }
  // An unknown context, a malformed DOCKER_HOST, certificates that aren't there.
  const unusable = /unable to resolve docker endpoint: (.+)|current context (".+" is not found)/i.exec(text);
  if (unusable !== null) {
    const why = unusable[1] ?? `context ${unusable[2]}`;
    return new FleetError("DockerUnreachable", `docker has no usable endpoint: ${why}`, {
      hint: "list contexts with: docker context ls; then correct or unset DOCKER_CONTEXT and DOCKER_HOST",
      details: said,
    });
  }
  if (
    /cannot connect to the docker daemon|is the docker daemon running|failed to connect to the docker API|error during connect/i.test(
      text,
    )
  ) {
    return new FleetError("DockerUnreachable", "docker does not answer", { hint: startDocker, details: said });
  }
  const command = result.command.split(" ", 3).join(" ");
  return new FleetError("ProgramFailed", `${command} ended with exit code ${result.exitCode}`, { details: said });
}

/** Containers that match every filter, in the order of their names. */
export async function listContainers(world: World, filters: readonly string[]): Promise<readonly Container[]> {
  const flags = filters.flatMap((filter) => ["--filter", filter]);
  const list = await docker(world)`docker container ls --all --quiet --no-trunc ${flags}`;
  const ids = list.stdout.split("\n").filter((id) => id !== "");
  if (ids.length === 0) return [];
  // A container that is removed between the two calls makes inspect fail, but the others are on stdout.
  const result = await docker(world, { nothrow: true })`docker container inspect ${ids}`;
  if (result.exitCode !== 0 && !/no such container/i.test(result.stderr)) throw dockerError(result);
  const found = z.array(containerSchema).parse(JSON.parse(result.stdout === "" ? "[]" : result.stdout));
  return found.map(parseContainer).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function parseContainer(found: z.infer<typeof containerSchema>): Container {
  const ports: Record<string, string> = {};
  for (const [port, bindings] of Object.entries(found.HostConfig.PortBindings ?? {})) {
    const binding = bindings?.[0];
    // k3d leaves the protocol out, and Docker keeps the key as it was given.
    if (binding !== undefined)
      ports[port.includes("/") ? port : `${port}/tcp`] = `${binding.HostIp}:${binding.HostPort}`;
  }
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    image: found.Config.Image,
    command: found.Config.Cmd ?? [],
    labels: found.Config.Labels ?? {},
    status: found.State.Status,
    ports,
  };
}

/** Removes a network or volume by name. "Already gone" is success. */
export async function removeObject(world: World, kind: "network" | "volume", name: string): Promise<void> {
  const result = await docker(world, { nothrow: true })`docker ${kind} rm ${name}`;
  if (result.exitCode === 0 || /no such (network|volume)|not found/i.test(result.stderr)) return;
  throw dockerError(result);
}

/** All values of a label on containers: the names of the clusters of a tool. */
export async function listLabelValues(world: World, label: string): Promise<ReadonlySet<string>> {
  const flags = ["--filter", `label=${label}`, "--format", "{{json .}}"];
  const { stdout } = await docker(world)`docker container ls --all --no-trunc ${flags}`;
  const lines = stdout.split("\n").filter((line) => line !== "");
  const values = lines.flatMap((line) => {
    const { Labels: labels } = z.object({ Labels: z.string() }).parse(JSON.parse(line));
    return labels.split(",").flatMap((entry) => (entry.startsWith(`${label}=`) ? [entry.slice(label.length + 1)] : []));
  });
  return new Set(values);
}
