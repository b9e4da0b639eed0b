import type { Kind, KubernetesObject } from "#sandbox/kubernetes/kinds.ts";
import type { Matcher } from "#sandbox/kubernetes/selectors.ts";
import { expired, StatusError } from "#sandbox/kubernetes/status.ts";
import type { ObjectStore, StoreEvent } from "#sandbox/kubernetes/store.ts";

export interface WatchOptions {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly matches: Matcher;
  /** "" and "0" begin with the objects that are there, as ADDED. */
  readonly resourceVersion: string;
  /** The streaming form of a list: the objects that are there, then a bookmark that says so. */
  readonly sendInitialEvents: boolean;
  readonly timeoutMs: number | undefined;
  /** One object in the form that was asked for. */
  readonly render: (object: KubernetesObject) => unknown;
}

/** Lines of JSON, one per change, until the client leaves, the time is over or the server stops. */
export function watch(store: ObjectStore, options: WatchOptions, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop = () => {};
  return new ReadableStream({
    start(controller) {
      const send = (type: string, object: unknown) =>
        controller.enqueue(encoder.encode(`${JSON.stringify({ type, object })}\n`));
      const forward = (event: StoreEvent) => {
        const change = visibleChange(event, options);
        if (change !== undefined) send(change.type, options.render(change.object));
      };
      const unsubscribe = store.subscribe(forward);
      const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => stop(), options.timeoutMs);
      stop = () => {
        unsubscribe();
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        stop = () => {};
        controller.close();
      };
      signal.addEventListener("abort", stop);
      // Headers leave with the first byte; a client waits for them before it believes that the watch is on.
      controller.enqueue(encoder.encode("\n"));
      const fromNow = options.resourceVersion === "" || options.resourceVersion === "0";
      if (fromNow || options.sendInitialEvents) {
        for (const object of store.list(options.kind, options.namespace)) {
          if (options.matches(object)) send("ADDED", options.render(object));
        }
        if (options.sendInitialEvents) send("BOOKMARK", endOfInitialEvents(options.kind, store.resourceVersion));
        return;
      }
      const missed = store.eventsAfter(Number(options.resourceVersion));
      if (missed === undefined) {
        send("ERROR", expired(options.resourceVersion).toJSON());
        stop();
      } else for (const event of missed) forward(event);
    },
    cancel: () => stop(),
  });
}

/** A change as one selector sees it: leaving the selection is a deletion, entering it an addition. */
function visibleChange(event: StoreEvent, options: WatchOptions) {
  const { object, previous } = event;
  if (event.kind !== options.kind) return undefined;
  if (options.namespace !== undefined && object.metadata.namespace !== options.namespace) return undefined;
  const is = options.matches(object);
  const was = previous !== undefined && options.matches(previous);
  if (event.type === "DELETED") return was ? { type: "DELETED", object } : undefined;
  if (is) return { type: was ? "MODIFIED" : "ADDED", object };
  return was ? { type: "DELETED", object } : undefined;
}

function endOfInitialEvents(kind: Kind, resourceVersion: number) {
  return {
    kind: kind.kind,
    apiVersion: kind.group === "" ? kind.version : `${kind.group}/${kind.version}`,
    metadata: {
      resourceVersion: String(resourceVersion),
      annotations: { "k8s.io/initial-events-end": "true" },
    },
  };
}

/** Refuses what a watch cannot begin with. */
export function checkResourceVersion(value: string): void {
  if (!/^\d*$/.test(value)) {
    throw new StatusError(400, "BadRequest", `invalid resource version "${value}"`);
  }
}
