/** Argo CD's pinned manifests for checks: kept by their digest in .tools/manifests, which `.ci/run` fills where there is no internet. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Pin } from "#lib/argocd/bootstrap.ts";
import { sha256Of } from "#lib/commands/pin-argocd.ts";
import { download } from "#lib/download.ts";
import { tryReadText } from "#lib/files.ts";
import { projectRoot } from "#lib/paths.ts";

const folder = join(projectRoot, ".tools/manifests");

/** What is behind the pin's URL, from this computer only; undefined when it isn't here. */
export async function tryReadPinned(pin: Pin, given?: string): Promise<string | undefined> {
  const paths = [join(folder, `${pin.sha256}.yaml`), ...(given === undefined ? [] : [given])];
  for (const path of paths) {
    const text = await tryReadText(path);
    if (text !== undefined && sha256Of(text) === pin.sha256) return text;
  }
  return undefined;
}

/** The same, fetched if need be. @throws FleetError DownloadFailed, Error when it isn't what is pinned */
export async function readPinned(pin: Pin, given?: string): Promise<string> {
  const kept = await tryReadPinned(pin, given);
  if (kept !== undefined) return kept;
  const text = await download(pin.url, AbortSignal.timeout(120_000));
  if (sha256Of(text) !== pin.sha256) throw new Error(`${pin.url} isn't what is pinned: bun run tasks/argocd/pin.ts`);
  await mkdir(folder, { recursive: true });
  await Bun.write(join(folder, `${pin.sha256}.yaml`), text);
  return text;
}
