import type { EventReader } from "#lib/graph/events.ts";
import { printableJson } from "#lib/view/printable.ts";
import { createRedactor } from "#lib/view/redact.ts";

/** `--json`: one object per line and event, nothing else. */
export function createJson(write: (text: string) => void): EventReader {
  const redactEvent = createRedactor();
  return {
    receive: (event) => write(printableJson(redactEvent(event))),
    close: async () => {},
  };
}
