import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The part of a checkout that clusters read. */
export const commitFolder = "argocd";

/** Takes the folder as it is for a commit. Its name is the digest of all that is in it, so that the same folder is the same commit. */
export function takeCommit(root: string, commits: string): string {
  const paths = [...new Bun.Glob(`${commitFolder}/**/*`).scanSync({ cwd: root })].sort();
  const files = paths.map((path) => [path, readFileSync(join(root, path), "utf8")] as const);
  const text = JSON.stringify(Object.fromEntries(files));
  const commit = createHash("sha1").update(text).digest("hex");
  const file = join(commits, `${commit}.json`);
  if (!existsSync(file)) {
    mkdirSync(commits, { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, file);
  }
  return commit;
}
