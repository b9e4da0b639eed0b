import { z } from "zod";
import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";
import { docker, startDocker } from "#lib/local/docker.ts";

const infoSchema = z.object({
  /** Host name of the machine that runs the daemon. */
  Name: z.string().default(""),
  ServerVersion: z.string().min(1),
  NCPU: z.number(),
  MemTotal: z.number(),
  DockerRootDir: z.string(),
  CgroupVersion: z.string().optional(),
  OperatingSystem: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
});

export type DockerInfo = z.infer<typeof infoSchema>;

/** What the Docker daemon reports about itself. @throws FleetError DockerUnreachable, DockerDenied, ProgramMissing */
export async function readDockerInfo(world: World): Promise<DockerInfo> {
  const { stdout } = await docker(world, { timeout: 20_000 })`docker info --format ${"{{json .}}"}`;
  return parseDockerInfo(stdout);
}

/** Without a daemon, clients before version 23 end with exit code 0 and print only ServerErrors, or an empty version. */
export function parseDockerInfo(stdout: string): DockerInfo {
  const found = tryParse(stdout);
  const parsed = infoSchema.safeParse(found);
  if (parsed.success) return parsed.data;
  throw new FleetError("DockerUnreachable", "docker does not answer", {
    hint: startDocker,
    details: z.object({ ServerErrors: z.array(z.string()) }).safeParse(found).data?.ServerErrors ?? [],
  });
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
