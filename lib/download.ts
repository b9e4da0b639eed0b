import { FleetError } from "#lib/errors.ts";

/** Argo CD's manifest is two megabytes, which takes time on a slow connection. */
const timeoutMs = 2 * 60_000;
const attempts = 3;

/** Downloads text from an https URL; retries network and server errors. @throws FleetError DownloadFailed */
export async function download(url: string, signal: AbortSignal): Promise<string> {
  let fault = "";
  for (let attempt = 1; attempt <= attempts; attempt++) {
    signal.throwIfAborted();
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
      if (response.ok) return await response.text();
      fault = `${response.status} ${response.statusText}`.trimEnd();
      // A client error doesn't change on retry.
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
