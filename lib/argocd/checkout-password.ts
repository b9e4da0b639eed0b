import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { tryReadText, writePrivateFile } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";
import { keepSecret } from "#lib/secrets.ts";

/** User name with which clusters log in to the checkout's server. */
export const checkoutUser = "checkout";

type PasswordWorld = Pick<World, "locks" | "paths" | "progress" | "signal">;

const lockTimeoutMs = 60_000;

/** The password for the checkout's server: generated once, stored in a private file and in a secret of each cluster. */
export async function checkoutPassword(world: PasswordWorld): Promise<string> {
  const known = await findCheckoutPassword(world);
  if (known !== undefined) return known;
  return await world.locks.hold("checkout-password", { ...world, timeoutMs: lockTimeoutMs }, async () => {
    const others = await findCheckoutPassword(world);
    if (others !== undefined) return others;
    const made = randomBytes(32).toString("base64url");
    keepSecret(made);
    await writePrivateFile(fileOf(world), `${made}\n`);
    return made;
  });
}

/** Undefined before the first cluster needs it. */
export async function findCheckoutPassword(world: Pick<World, "paths">): Promise<string | undefined> {
  const found = (await tryReadText(fileOf(world)))?.trim();
  keepSecret(found);
  return found;
}

function fileOf({ paths }: Pick<World, "paths">): string {
  return join(paths.cache, "checkout-password");
}
