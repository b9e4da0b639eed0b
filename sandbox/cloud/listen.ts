import type { Server } from "node:net";
import { isErrno } from "#lib/files.ts";
import { listenAnywhere } from "#sandbox/ports.ts";

/** Listens on a port, or on another free one when it is taken. @param port undefined for any @returns the port */
export async function listenOn(server: Server, hostname: string, port?: number): Promise<number> {
  const tryPort = async (one: number): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    server.once("error", reject);
    server.listen(one, hostname, () => resolve(one));
    return await promise.finally(() => server.off("error", reject));
  };
  if (port === undefined) return await listenAnywhere(tryPort);
  return await tryPort(port).catch((error: unknown) => {
    if (!isErrno(error, "EADDRINUSE", "EACCES")) throw error;
    return listenAnywhere(tryPort);
  });
}
