/** Runs each node as soon as its predecessors are done: no phases, no barriers, one limit per lane. */

export interface Plan<Node> {
  readonly nodes: readonly Node[];
  /** Predecessors of a node; those that aren't in `nodes` are ignored. */
  readonly after: (node: Node) => readonly Node[];
  readonly lane: (node: Node) => string;
  /** Number of nodes in this node's lane that may run at once; the same for the whole lane. */
  readonly limit: (node: Node) => number;
  /** After an abort nothing more starts; running nodes are awaited. */
  readonly signal: AbortSignal;
  /** Called once for a node that waits for a free slot, with the nodes that use the lane. */
  readonly queued?: (node: Node, running: readonly Node[]) => void;
}

/** Result of a node. `cause` is the node that failed first. */
export type NodeResult<Node> =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "blocked"; readonly cause: Node }
  | { readonly kind: "cancelled" };

/** The nodes of one lane, in the order in which they became ready. */
interface Queue<Node> {
  readonly ready: Node[];
  /** Index of the first that has not started. */
  next: number;
  /** Index of the first that was not reported as queued. */
  queued: number;
  readonly running: Set<Node>;
}

/**
 * A failure blocks only its successors. Never rejects: failures are results.
 *
 * @param visit does the work of one node; a rejection is its failure
 * @param settled called once per node, also for those that never ran, before its successors start
 */
export async function runGraph<Node>(
  plan: Plan<Node>,
  visit: (node: Node) => Promise<void>,
  settled: (node: Node, result: NodeResult<Node>) => void = () => undefined,
): Promise<ReadonlyMap<Node, NodeResult<Node>>> {
  const results = new Map<Node, NodeResult<Node>>();
  const waitingFor = new Map<Node, number>();
  const followers = new Map<Node, Node[]>(plan.nodes.map((node) => [node, []]));
  for (const node of plan.nodes) {
    const before = new Set(plan.after(node).filter((earlier) => followers.has(earlier)));
    waitingFor.set(node, before.size);
    for (const earlier of before) followers.get(earlier)?.push(node);
  }
  const queues = new Map<string, Queue<Node>>();
  const queueOf = (node: Node) => {
    const lane = plan.lane(node);
    const queue = queues.get(lane) ?? { ready: [], next: 0, queued: 0, running: new Set() };
    queues.set(lane, queue);
    return queue;
  };

  return await new Promise((resolve) => {
    let running = 0;

    /** Settles a node and, iteratively, all that can no longer run because of it. */
    function settle(first: Node, result: NodeResult<Node>): void {
      const pending: [Node, NodeResult<Node>][] = [[first, result]];
      for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
        const [node, outcome] = entry;
        if (results.has(node)) continue;
        results.set(node, outcome);
        settled(node, outcome);
        for (const follower of followers.get(node) ?? []) {
          if (outcome.kind === "done") {
            const left = (waitingFor.get(follower) ?? 0) - 1;
            waitingFor.set(follower, left);
            if (left === 0 && !results.has(follower)) queueOf(follower).ready.push(follower);
          } else if (outcome.kind === "cancelled") {
            pending.push([follower, outcome]);
          } else {
            pending.push([follower, { kind: "blocked", cause: outcome.kind === "failed" ? node : outcome.cause }]);
          }
        }
      }
    }

    function start(node: Node, queue: Queue<Node>): void {
      running++;
      queue.running.add(node);
      const finish = (result: NodeResult<Node>): void => {
        running--;
        queue.running.delete(node);
        settle(node, result);
        pump();
      };
      // Starts in its own microtask, so that a synchronous throw is handled like a rejection.
      Promise.resolve(node)
        .then(visit)
        .then(
          () => finish({ kind: "done" }),
          (error: unknown) => finish({ kind: "failed", error }),
        );
    }

    function tellQueued(queue: Queue<Node>): void {
      queue.queued = Math.max(queue.queued, queue.next);
      for (const node of queue.ready.slice(queue.queued)) {
        if (!results.has(node)) plan.queued?.(node, [...queue.running]);
      }
      queue.queued = queue.ready.length;
    }

    function pump(): void {
      if (plan.signal.aborted) {
        for (const node of plan.nodes) {
          if (!results.has(node) && !started.has(node)) settle(node, { kind: "cancelled" });
        }
      } else {
        for (const queue of queues.values()) {
          for (let node = queue.ready[queue.next]; node !== undefined; node = queue.ready[queue.next]) {
            if (queue.running.size >= Math.max(1, plan.limit(node))) break;
            queue.next++;
            if (results.has(node)) continue;
            started.add(node);
            start(node, queue);
          }
          tellQueued(queue);
        }
      }
      if (running === 0) {
        plan.signal.removeEventListener("abort", pump);
        resolve(results);
      }
    }

    const started = new Set<Node>();
    for (const node of plan.nodes) if (waitingFor.get(node) === 0) queueOf(node).ready.push(node);
    plan.signal.addEventListener("abort", pump);
    pump();
  });
}
