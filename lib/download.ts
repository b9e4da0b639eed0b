import { FleetError } from "#lib/errors.ts";

/** Argo CD's manifest has two megabytes; a slow line takes its time. */
const timeoutMs = 2 * 60_000;
const attempts = 3;

/** Text behind an https URL; tried again when the line or the server fails. @throws FleetError DownloadFailed */
export async function download(url: string, signal: AbortSignal): Promise<string> {
  let fault = "";
  for (let attempt = 1; attempt <= attempts; attempt++) {
    signal.throwIfAborted();
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
      if (response.ok) return await response.text();
      fault = `${response.status} ${response.statusText}`.trimEnd();
      // The answer to a wrong name stays the same.
      if (response.status < 500 && response.status !== 429) break;
    } catch (error) {
      signal.throwIfAborted();
      fault = error instanceof Error ? error.message : String(error);
    }
  }
  throw new FleetError("DownloadFailed", `${url} can't be fetched: ${fault}`, {
    hint: "is the network up? what is fetched can also be given as a file: --help",
  });
}
