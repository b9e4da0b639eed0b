import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = resolve(import.meta.dir, "../../sandbox/main.ts");

/** A folder of its own, removed at the end. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "sandbox-test-"));
  chmodSync(path, 0o700);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a program to its end. */
export async function run(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>> = Bun.env,
): Promise<Outcome> {
  const child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

/** A sandbox with a daemon of its own. */
export class TestSandbox {
  readonly folder = temporaryFolder();
  readonly state = join(this.folder.path, "state");
  env: Readonly<Record<string, string | undefined>> = Bun.env;

  main(...args: readonly string[]): Promise<Outcome> {
    return run([process.execPath, MAIN, ...args, "--state", this.state]);
  }

  async up(speed = 50): Promise<void> {
    const outcome = await this.main("up", "--speed", String(speed));
    if (outcome.code !== 0) throw new Error(`the sandbox did not start: ${outcome.stderr}`);
    const { env } = JSON.parse(outcome.stdout);
    this.env = { ...Bun.env, ...env, LOG_COLORS: "false", KUBECONFIG: join(this.folder.path, "default.yml") };
  }

  /** Runs one of the sandbox's programs. */
  run(program: string, ...args: readonly string[]): Promise<Outcome> {
    return run([join(this.state, "bin", program), ...args], this.env);
  }

  async status(): Promise<{ running: boolean; pid: number | null; containers: { name: string; status: string }[] }> {
    return JSON.parse((await this.main("status")).stdout);
  }

  file(name: string, text: string): string {
    const path = join(this.folder.path, name);
    writeFileSync(path, text);
    return path;
  }

  async remove(): Promise<void> {
    await this.main("reset");
    this.folder.remove();
  }
}

export function kindConfig(name: string, port: number): string {
  return `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: ${name}
networking: { apiServerAddress: 127.0.0.1, apiServerPort: ${port} }
nodes:
  - role: control-plane
    labels: { fleet: mine }
  - role: worker
`;
}

export function k3dConfig(name: string, port: number): string {
  return `apiVersion: k3d.io/v1alpha5
kind: Simple
metadata: { name: ${name} }
servers: 1
agents: 1
image: rancher/k3s:v1.36.1-k3s1
kubeAPI: { host: 127.0.0.1, hostIP: 127.0.0.1, hostPort: "${port}" }
options:
  k3d: { wait: true, timeout: "300s" }
  k3s:
    extraArgs: [{ arg: --disable=traefik, nodeFilters: ["server:*"] }]
    nodeLabels: [{ label: fleet=mine, nodeFilters: ["server:*", "agent:*"] }]
  kubeconfig: { updateDefaultKubeconfig: false, switchCurrentContext: false }
`;
}
