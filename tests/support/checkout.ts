import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

/** A copy of this project that a test may edit. */
export interface TestCheckout {
  readonly root: string;
  /** Where there is no git, edits count as they are: the sandbox needs no commit. */
  commit(): Promise<void>;
  remove(): Promise<void>;
}

export async function copyCheckout(): Promise<TestCheckout> {
  const root = await mkdtemp(join(tmpdir(), "checkout-"));
  for (const name of [
    "argocd",
    "clusters",
    "lib",
    "sandbox",
    "tasks",
    "package.json",
    "tsconfig.json",
    "bunfig.toml",
  ]) {
    await cp(join(projectRoot, name), join(root, name), {
      recursive: true,
      // What runs have left in clusters/ is not of the project.
      filter: (path) => !path.startsWith(`${projectRoot}/clusters/.`),
    });
  }
  await mkdir(join(root, "tests/fixtures"), { recursive: true });
  await cp(join(projectRoot, "tests/fixtures/fleets"), join(root, "tests/fixtures/fleets"), { recursive: true });
  await symlink(join(projectRoot, "node_modules"), join(root, "node_modules"));
  // Argo CD refuses a repository with a link that leads out of it.
  await Bun.write(join(root, ".gitignore"), "node_modules\nclusters/.*\n");
  const git = async (...args: readonly string[]): Promise<void> => {
    if (Bun.which("git") === null) return;
    const identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    const child = Bun.spawn(["git", "-C", root, ...identity, ...args], { stdout: "ignore", stderr: "pipe" });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  };
  const commit = async (): Promise<void> => {
    await git("add", "--all");
    await git("commit", "--quiet", "--message", "edit");
  };
  await git("init", "--quiet", "--initial-branch=main");
  await commit();
  return { root, commit, remove: () => rm(root, { recursive: true, force: true }) };
}
