import { FleetError } from "#lib/errors.ts";
import { lastLines } from "#lib/exec.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { docker, dockerError } from "#lib/local/docker.ts";

export interface ImageState {
  readonly reference: string;
}

/** A node image is about a gigabyte; the connection may be slow. */
const pullTimeoutMs = 30 * 60_000;

/** A node image on this computer: pulled once, before the clusters that share it are created in parallel. */
export function image(reference: string): Resource<ImageState> {
  const short = reference.replace(/@sha256:([0-9a-f]{12})[0-9a-f]*$/, "@$1");
  return {
    id: `local/docker/image/${reference}`,
    title: `docker: image ${short}`,
    label: `image ${reference.replace(/@.*$/, "")}`,
    row: { kind: "shared", name: "docker", group: "local" },
    lane: "pull",
    needs: [],
    keptOnDelete: "images stay for the next create",
    async observe(world) {
      return (await isHere(world, reference)) ? { kind: "present", state: { reference } } : { kind: "absent" };
    },
    diff: () => [],
    async ensure(world) {
      world.progress("pulling");
      const layers = new Map<string, string>();
      const onLine = (line: string): void => {
        world.output(line);
        const said = /^([0-9a-f]{12}): (.+)$/.exec(line);
        if (said?.[1] === undefined || said[2] === undefined) return;
        layers.set(said[1], said[2]);
        const done = [...layers.values()].filter((state) => /^(Pull complete|Already exists)/.test(state)).length;
        world.progress(`pulling: ${done} of ${layers.size} layers`);
      };
      const exec = docker(world, { timeout: pullTimeoutMs, nothrow: true, onLine });
      const result = await exec`docker pull ${reference}`;
      if (result.exitCode === 0) return { reference };
      const error = dockerError(result);
      if (error.code !== "ProgramFailed") throw error;
      throw new FleetError("ImageUnavailable", `image ${reference} could not be pulled`, {
        hint: "is the name right and the registry reachable? KIND_NODE_IMAGE and K3S_NODE_IMAGE can name a local image",
        details: lastLines(result, 3),
      });
    },
    remove: () => Promise.resolve({ kind: "kept", why: "images stay for the next create" }),
    health: () => ({ kind: "healthy", summary: "here" }),
  };
}

async function isHere(world: World, reference: string): Promise<boolean> {
  const result = await docker(world, { nothrow: true })`docker image inspect ${reference}`;
  if (result.exitCode === 0) return true;
  if (/no such image|not found/i.test(result.stderr)) return false;
  throw dockerError(result);
}
