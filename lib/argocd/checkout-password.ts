import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { tryReadText, writePrivateFile } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";
import { keepSecret } from "#lib/secrets.ts";

/** Whom clusters say they are to the server of the checkout. */
export const checkoutUser = "checkout";

type PasswordWorld = Pick<World, "locks" | "paths" | "progress" | "signal">;

const lockTimeoutMs = 60_000;

/** What clusters show to the server of the checkout: made once, kept in a private file here and in a secret of each cluster. */
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

/** Undefined before the first cluster needed it. */
export async function findCheckoutPassword(world: Pick<World, "paths">): Promise<string | undefined> {
  const found = (await tryReadText(fileOf(world)))?.trim();
  keepSecret(found);
  return found;
}

function fileOf({ paths }: Pick<World, "paths">): string {
  return join(paths.cache, "checkout-password");
}
