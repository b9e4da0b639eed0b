import type { DockerState } from "#sandbox/docker/state.ts";

/** Containers, clusters and faults, for `status`. */
export function describe(state: DockerState) {
  const containers = state.containers();
  return {
    speed: state.speed(),
    containers: containers.map(({ name, image, state: { status } }) => ({ name, image, status })),
    clusters: state.controlPlanes().map(({ name, distribution, version, publisher }) => ({
      name,
      distribution,
      version,
      port: containers.find(({ id }) => id === publisher)?.port?.hostPort ?? null,
    })),
    faults: state.faults(),
  };
}
