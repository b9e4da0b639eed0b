import type { EventReader } from "#lib/events.ts";
import { createRedactor } from "#lib/view/redact.ts";

/** `--json`: one object per line and event, nothing else. */
export function createJson(write: (text: string) => void): EventReader {
  const redactEvent = createRedactor();
  return {
    receive: (event) => write(`${JSON.stringify(redactEvent(event))}\n`),
    close: async () => {},
  };
}
