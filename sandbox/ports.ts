import { isErrno } from "#lib/files.ts";

/**
 * Ports that systems don't give to outgoing connections, neither Linux (from 32768) nor macOS (from 49152): one of these is
 * still free when it is wanted again after a restart.
 */
const [first, last] = [20_000, 32_000];
const tries = 100;

/** Listens on some port that will be there again. @param listen throws EADDRINUSE for one that is taken */
export async function listenAnywhere<Result>(listen: (port: number) => Result | Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listen(first + Math.floor(Math.random() * (last - first)));
    } catch (error) {
      if (attempt === tries || !isErrno(error, "EADDRINUSE", "EACCES")) throw error;
    }
  }
}
