/** Runs each node as soon as what it comes after is done: no phases, no barriers, one limit per lane. */

export interface Plan<Node> {
  readonly nodes: readonly Node[];
  /** What must be done before a node may start; what isn't among `nodes` is ignored. */
  readonly after: (node: Node) => readonly Node[];
  readonly lane: (node: Node) => string;
  /** How many nodes of this one's lane may run at once; the same for all of a lane. */
  readonly limit: (node: Node) => number;
  /** Aborting starts nothing more; what runs is awaited. */
  readonly signal: AbortSignal;
  /** Called once for a node that could start if its lane had room, with those that take it. */
  readonly queued?: (node: Node, running: readonly Node[]) => void;
}

/** What became of a node. `cause` is the node whose own failure is at the root. */
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
 * A failure blocks what comes after it and nothing else. Never rejects: failures are results.
 *
 * @param visit does the work of one node; a rejection is its failure
 * @param settled told once per node, also for those that never ran, before anything that comes after it starts
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

    /** Settles a node and, without recursion, all that can't run any more because of it. */
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
      // The visit begins in a microtask of its own, so that a visit that throws at once is like any other.
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
