import { DockerError, lookUpImage, parseImageReference } from "#sandbox/docker/engine.ts";
import { meetFaults } from "#sandbox/docker/faults.ts";
import type { Image } from "#sandbox/docker/model.ts";
import type { ProgramContext } from "#sandbox/docker/program.ts";

/** What a node image takes on a good line would be minutes; here it is a second and a half at speed 1. */
const PULL_MS = 1500;

/** `docker pull`: asks the simulated registry, waits, and stores the image. Lines as Docker prints without a terminal. */
export async function pullImage(
  { state, pace }: Pick<ProgramContext, "state" | "pace">,
  reference: string,
  say: (line: string) => void,
): Promise<Image> {
  const image = lookUpImage(reference);
  const { repository, tag, digest } = parseImageReference(reference);
  const isOfficial = !repository.includes("/");
  const registryPath = isOfficial ? `library/${repository}` : repository;
  const shown = digest === undefined ? `${repository}:${tag}` : `${repository}@${digest}`;
  say(
    digest === undefined
      ? `${tag}: Pulling from ${registryPath}`
      : `${registryPath}@${digest}: Pulling from ${registryPath}`,
  );
  const present = state.images().some((one) => one.id === image.id && one.tag === image.tag);
  if (!present) {
    const layer = image.id.slice(-12);
    say(`${layer}: Pulling fs layer`);
    await pace.wait(PULL_MS / 2);
    say(`${layer}: Verifying Checksum`);
    say(`${layer}: Download complete`);
    await pace.wait(PULL_MS / 2);
    say(`${layer}: Pull complete`);
    state.transaction(() => state.saveImage(image));
  }
  say(`Digest: ${image.digest}`);
  say(present ? `Status: Image is up to date for ${shown}` : `Status: Downloaded newer image for ${shown}`);
  say(repository.startsWith("ghcr.io/") ? shown : `docker.io/${isOfficial ? `library/${shown}` : shown}`);
  return image;
}

/** A pull that another program makes: faults set for `docker pull` meet it too. */
export async function pullFor(context: ProgramContext, reference: string): Promise<Image> {
  const failure = await meetFaults(context.state, "docker", ["pull", reference]);
  if (failure !== undefined) throw new DockerError(failure.text.replace(/^Error response from daemon: /, ""));
  return pullImage(context, reference, () => {});
}
