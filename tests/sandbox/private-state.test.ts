import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { DaemonClient, DaemonUnreachable } from "#sandbox/daemon-client.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "private-"));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

test("files and the socket of a sandbox are its user's alone, whatever the folder and the umask are", async () => {
  const state = join(folder, "state");
  for (const name of ["", "clusters", "bin", "argocd", "aws"]) {
    await mkdir(join(state, name), { recursive: true });
    await chmod(join(state, name), 0o777);
  }
  const sandbox = async (verb: string): Promise<number> => {
    const command = `umask 0; exec "${process.execPath}" "${join(projectRoot, "sandbox/main.ts")}" ${verb} --state "${state}"`;
    return await Bun.spawn(["/bin/sh", "-c", command], { stdout: "ignore", stderr: "inherit" }).exited;
  };
  expect(await sandbox("up")).toBe(0);
  try {
    const open: string[] = [];
    for (const path of await readdir(state, { recursive: true })) {
      const found = await lstat(join(state, path));
      if (!found.isDirectory() && (found.mode & 0o077) !== 0) open.push(path);
    }
    expect(open).toEqual([]);
  } finally {
    await sandbox("down");
  }
});

describe("the daemon's socket in a folder that others can write to", () => {
  const user = process.getuid?.() ?? 0;
  const ping = async (path: string, as = user): Promise<unknown> =>
    await new DaemonClient({ socket: path }, as).ping().catch((error: unknown) => error);

  test("is used when it is ours", async () => {
    const socket = join(folder, "daemon.sock");
    const server = Bun.serve({ unix: socket, fetch: () => Response.json({ pid: 1 }) });
    expect(await ping(socket)).toBe(1);
    await server.stop(true);
  });

  test("is refused when it is another user's", async () => {
    const socket = join(folder, "daemon.sock");
    let asked = 0;
    const server = Bun.serve({ unix: socket, fetch: () => Response.json({ pid: ++asked }) });
    expect(String(await ping(socket, user + 1))).toContain(`belongs to user ${user}`);
    expect(asked).toBe(0);
    await server.stop(true);
  });

  test("is refused when it is a link or a file", async () => {
    await writeFile(join(folder, "file"), "");
    await symlink("file", join(folder, "link"));
    for (const name of ["file", "link"]) expect(String(await ping(join(folder, name)))).toContain("is no socket");
  });

  test("that is not there is a daemon that is not", async () => {
    expect(await ping(join(folder, "none"))).toBeInstanceOf(DaemonUnreachable);
  });
});
