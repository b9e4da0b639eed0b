/**
 * An end-to-end test in one command, from a bare container: requires only Docker. Pure: returns the command,
 * which the README shows too.
 */

/** mise itself; what it installs is pinned in mise.toml. */
// renovate: datasource=github-releases depName=jdx/mise
const mise = "v2026.9.15";

/** Alpine with bash. */
// renovate: datasource=docker depName=bash
const bash = "bash:5.2@sha256:8eda57f31fdcb83a682f57b5e681fdb8f3d730d5f0329741df7d19613cc5cccb";

/** Runs in an Alpine container. Bun's musl build needs libstdc++, mise and kind need git, and the tasks call ps. */
export const insideScript = [
  "set -euo pipefail",
  "apk add --no-cache curl docker-cli git libgcc libstdc++ procps",
  `curl -fsSL https://mise.run | MISE_VERSION=${mise} sh`,
  'export PATH="$HOME/.local/bin:$PATH"',
  "mise trust --yes --quiet",
  "mise install --yes",
  "mise run create-kind-all ::: create-k3d-all",
  "mise run status -- --provider kind --provider k3d",
  "mise run delete-kind-all --yes ::: delete-k3d-all --yes",
].join(" && ");

export interface OneLiner {
  /** The checkout; mounted at the same path, because kind and k3d pass paths to the Docker daemon outside. */
  readonly root: string;
  /** @default bash, pinned */
  readonly image?: string;
  /** @default insideScript */
  readonly script?: string;
}

/** Arguments of docker. No `--tty`: there is none in CI. `--network host`: the API servers listen on this computer's 127.0.0.1. */
export function oneLinerArguments({ root, image = bash, script = insideScript }: OneLiner): readonly string[] {
  return [
    ...["run", "--rm", "--network", "host", "--env", "GITHUB_TOKEN"],
    ...["--volume", "/var/run/docker.sock:/var/run/docker.sock"],
    ...["--volume", `${root}:${root}`, "--workdir", root],
    ...[image, "bash", "-c", script],
  ];
}

/** Formatted for a shell: `$PWD` for the checkout, one step per line. */
export function formatOneLiner(): string {
  const [script, ...before] = [...oneLinerArguments({ root: "$PWD" })].reverse();
  const words = before.reverse().map((word) => (word.includes("$") ? `"${word}"` : word));
  const steps = (script ?? "").split(" && ").join(" && \\\n  ");
  return `docker ${words.join(" ")} '\n  ${steps}'`;
}
