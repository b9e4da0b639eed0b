/** Disks that fail, mounted in a namespace of their own: nobody else sees them, and they go with the command. */

const unshare = ["unshare", "--mount", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"])];

function mounted(script: string, folder: string): readonly string[] {
  return [...unshare, "sh", "-c", `${script} || exit 70; shift; exec "$@"`, "sh", folder];
}

/** The folder and all in it, which nothing can be written to. Each function gives what a command line begins with. */
export const readOnly = (folder: string): readonly string[] =>
  mounted('mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"', folder);

/** An empty disk in place of the folder, filled to the last byte. */
export const full = (folder: string): readonly string[] =>
  mounted(
    'mkdir -p "$1" && mount -t tmpfs -o size=64k,mode=700 tmpfs "$1" && ! cat /dev/zero > "$1/filler" 2>/dev/null',
    folder,
  );

/** Needs bindfs. Like DrvFs of WSL 2 it takes every mode and shows one of its own. */
export const withoutModes = (folder: string, ...options: readonly string[]): readonly string[] =>
  mounted(`bindfs --perms=0777 ${["--chmod-ignore", ...options].join(" ")} "$1" "$1"`, folder);

/** Why no disk can be mounted here; undefined where it can. */
export function whyNoMounts(): string | undefined {
  try {
    return Bun.spawnSync([...readOnly("/tmp"), "true"]).exitCode === 0 ? undefined : "mounts are refused here";
  } catch {
    return "there is no unshare";
  }
}
