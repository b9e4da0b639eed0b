import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { readInstallManifest } from "#sandbox/argocd/install-manifest.ts";
import type { SandboxPaths } from "#sandbox/paths.ts";

/** Fake programs, with the folders of their sources. */
const programs = { docker: "docker", kind: "docker", k3d: "docker", git: "git" } as const;

/** Writes the fake programs. They use the state folder that they are in, whatever the environment says. */
export function writePrograms(paths: SandboxPaths): void {
  mkdirSync(paths.bin, { recursive: true, mode: 0o700 });
  for (const [program, folder] of Object.entries(programs)) {
    const file = join(paths.bin, program);
    const script = join(import.meta.dir, folder, `${program}.ts`);
    const text = [
      "#!/bin/sh",
      `K8S_SANDBOX_STATE=${quote(paths.state)} exec ${quote(process.execPath)} ${quote(script)} "$@"`,
      "",
    ].join("\n");
    writeWhole(file, text, 0o755);
  }
}

/** Writes the manifests of both variants of Argo CD under the names of its releases. */
export function writeManifests(paths: SandboxPaths): void {
  for (const [file, variant] of [
    ["install.yaml", "standard"],
    ["ha/install.yaml", "high-availability"],
  ] as const) {
    const path = join(paths.manifests, file);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeWhole(path, readInstallManifest(variant), 0o600);
  }
}

/** A reader sees the old text or the new one. */
function writeWhole(path: string, text: string, mode: number): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
