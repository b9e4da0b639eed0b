import { FleetError } from "#lib/errors.ts";

export interface Interrupts {
  /** Aborted by the first signal, with an Interrupted error as its reason. */
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, 143 after SIGTERM; undefined without a signal. */
  exitCode(): number | undefined;
  close(): void;
}

/** mise and the terminal may both deliver one Ctrl-C: only a later one counts as the second. */
const secondAfterMs = 1_000;
const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/**
 * The first signal stops what can be stopped and lets the run finish; a second one, at least a second later, exits
 * immediately (watchdogs end the children).
 */
export function listenForSignals(onFirst: (name: string) => void): Interrupts {
  const controller = new AbortController();
  let first: { readonly at: number; readonly code: number } | undefined;
  const handlers = Object.entries(codes).map(([name, code]) => {
    const handler = (): void => {
      if (first === undefined) {
        first = { at: performance.now(), code };
        onFirst(name);
        controller.abort(
          new FleetError("Interrupted", `interrupted by ${name}`, { hint: "run the same command again to continue" }),
        );
      } else if (performance.now() - first.at >= secondAfterMs) {
        process.exit(first.code);
      }
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  return {
    signal: controller.signal,
    exitCode: () => first?.code,
    close() {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
