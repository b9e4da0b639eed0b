import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type NodeResult, type Plan, runGraph } from "#lib/graph/scheduler.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

interface Node {
  readonly id: number;
  readonly after: readonly Node[];
  readonly lane: string;
  readonly ms: number;
  readonly fails?: boolean;
}

function node(id: number, options: Partial<Node> = {}): Node {
  return { id, after: [], lane: "api", ms: 10, ...options };
}

function planOf(nodes: readonly Node[], options: Partial<Plan<Node>> = {}): Plan<Node> {
  return {
    nodes,
    after: (one) => one.after,
    lane: (one) => one.lane,
    limit: () => 100,
    signal: new AbortController().signal,
    ...options,
  };
}

interface Trace {
  readonly started: number[];
  readonly startedAt: Map<number, number>;
  readonly endedAt: Map<number, number>;
  readonly running: Map<string, number>;
  readonly peak: Map<string, number>;
}

async function trace(
  plan: Plan<Node>,
): Promise<Trace & { results: ReadonlyMap<Node, NodeResult<Node>>; elapsed: number }> {
  const clock = virtualClock();
  const seen: Trace = { started: [], startedAt: new Map(), endedAt: new Map(), running: new Map(), peak: new Map() };
  const results = await runGraph(plan, async (one) => {
    seen.started.push(one.id);
    seen.startedAt.set(one.id, clock.now());
    const lane = plan.lane(one);
    const running = (seen.running.get(lane) ?? 0) + 1;
    seen.running.set(lane, running);
    seen.peak.set(lane, Math.max(seen.peak.get(lane) ?? 0, running));
    await clock.sleep(one.ms);
    seen.running.set(lane, (seen.running.get(lane) ?? 0) - 1);
    seen.endedAt.set(one.id, clock.now());
    if (one.fails === true) throw new Error(`node ${one.id}`);
  });
  return { ...seen, results, elapsed: clock.elapsed() };
}

describe("the scheduler", () => {
  test("starts a node as soon as what it comes after is done", async () => {
    const quick = node(1, { ms: 10 });
    const slow = node(2, { ms: 100 });
    const afterQuick = node(3, { after: [quick] });
    const { startedAt } = await trace(planOf([quick, slow, afterQuick]));
    expect(startedAt.get(3)).toBe(10);
  });

  test("runs what is independent at once", async () => {
    const nodes = Array.from({ length: 20 }, (_, id) => node(id, { ms: 50 }));
    expect((await trace(planOf(nodes))).elapsed).toBe(50);
  });

  test("keeps the limit of each lane", async () => {
    const nodes = Array.from({ length: 20 }, (_, id) => node(id, { lane: id % 2 === 0 ? "cluster" : "api" }));
    const { peak } = await trace(planOf(nodes, { limit: ({ lane }) => (lane === "cluster" ? 2 : 5) }));
    expect(Object.fromEntries(peak)).toEqual({ cluster: 2, api: 5 });
  });

  test("tells once of each node that waits for a place, and who has the places", async () => {
    const before = node(0, { ms: 5 });
    const nodes = [1, 2, 3].map((id) => node(id, { lane: "cluster" }));
    const late = node(4, { lane: "cluster", after: [before] });
    const told: string[] = [];
    await trace(
      planOf([before, ...nodes, late], {
        limit: ({ lane }) => (lane === "cluster" ? 2 : 5),
        queued: ({ id }, running) => void told.push(`${id} behind ${running.map((one) => one.id).join(", ")}`),
      }),
    );
    expect(told).toEqual(["3 behind 1, 2", "4 behind 1, 2"]);
  });

  test("takes a limit below one for one", async () => {
    const { results } = await trace(planOf([node(1), node(2)], { limit: () => 0 }));
    expect([...results.values()].map((result) => result.kind)).toEqual(["done", "done"]);
  });

  test("lets a failure block what comes after it and nothing else", async () => {
    const bad = node(1, { fails: true });
    const child = node(2, { after: [bad] });
    const grandchild = node(3, { after: [child] });
    const other = node(4, { ms: 500 });
    const { results } = await trace(planOf([bad, child, grandchild, other]));
    expect(results.get(bad)?.kind).toBe("failed");
    expect(results.get(child)).toEqual({ kind: "blocked", cause: bad });
    expect(results.get(grandchild)).toEqual({ kind: "blocked", cause: bad });
    expect(results.get(other)).toEqual({ kind: "done" });
  });

  test("treats a visit that throws at once like one that rejects", async () => {
    const results = await runGraph(planOf([node(1)]), () => {
      throw new Error("at once");
    });
    expect([...results.values()][0]?.kind).toBe("failed");
  });

  test("starts nothing more after an abort, and waits for what runs", async () => {
    const controller = new AbortController();
    const first = node(1, { ms: 100 });
    const second = node(2, { after: [first] });
    const clock = virtualClock();
    const run = runGraph(planOf([first, second], { signal: controller.signal }), () => clock.sleep(100));
    void clock.sleep(10).then(() => controller.abort());
    const results = await run;
    expect(results.get(first)).toEqual({ kind: "done" });
    expect(results.get(second)).toEqual({ kind: "cancelled" });
    expect(clock.elapsed()).toBe(100);
  });

  test("cancels everything when it is aborted before it began", async () => {
    const { results, started } = await trace(planOf([node(1), node(2)], { signal: AbortSignal.abort() }));
    expect(started).toEqual([]);
    expect([...results.values()].map((result) => result.kind)).toEqual(["cancelled", "cancelled"]);
  });

  test("ends at once when there is nothing to do", async () => {
    expect((await runGraph(planOf([]), () => Promise.resolve())).size).toBe(0);
  });

  test("settles a node before anything that comes after it starts", async () => {
    const first = node(1);
    const second = node(2, { after: [first] });
    const order: string[] = [];
    await runGraph(
      planOf([first, second]),
      (one) => Promise.resolve(void order.push(`start ${one.id}`)),
      (one) => void order.push(`settled ${one.id}`),
    );
    expect(order).toEqual(["start 1", "settled 1", "start 2", "settled 2"]);
  });

  test("runs every node of any graph once, in order, within the limits, and never hangs", async () => {
    const graphs = fc
      .array(
        fc.record({
          needs: fc.array(fc.nat(), { maxLength: 4 }),
          lane: fc.constantFrom("api", "docker", "cluster"),
          ms: fc.integer({ min: 0, max: 50 }),
          fails: fc.boolean(),
        }),
        { maxLength: 40 },
      )
      .map((drafts) => {
        const nodes: Node[] = [];
        for (const [id, draft] of drafts.entries()) {
          const after = id === 0 ? [] : draft.needs.flatMap((need) => nodes[need % id] ?? []);
          nodes.push(node(id, { ...draft, fails: draft.fails && draft.ms % 5 === 0, after }));
        }
        return nodes;
      });
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 5 }), async (nodes, limit) => {
        const { started, startedAt, endedAt, peak, results } = await trace(planOf(nodes, { limit: () => limit }));
        expect(new Set(started).size).toBe(started.length);
        expect(results.size).toBe(nodes.length);
        for (const highest of peak.values()) expect(highest).toBeLessThanOrEqual(limit);
        for (const one of nodes) {
          const allDone = one.after.every((before) => results.get(before)?.kind === "done");
          expect(started.includes(one.id)).toBe(allDone);
          for (const before of one.after) {
            if (startedAt.has(one.id))
              expect(startedAt.get(one.id)).toBeGreaterThanOrEqual(endedAt.get(before.id) ?? Infinity);
          }
          const result = results.get(one);
          if (result?.kind === "blocked") expect(results.get(result.cause)?.kind).toBe("failed");
        }
      }),
      { numRuns: 200 },
    );
  });

  test("grows linearly: ten times the nodes cost about ten times the time", async () => {
    const cost = async (count: number): Promise<number> => {
      const nodes: Node[] = [];
      for (let id = 0; id < count; id++) {
        const after = [nodes[id - 1], nodes[id >> 1]].filter((one): one is Node => one !== undefined && id % 3 !== 0);
        nodes.push(node(id, { after }));
      }
      // Time of the processor: what else runs on the machine does not count.
      const begin = process.cpuUsage();
      const results = await runGraph(planOf(nodes), () => Promise.resolve());
      const { user, system } = process.cpuUsage(begin);
      expect(results.size).toBe(count);
      return user + system;
    };
    await cost(1_000);
    const small = Math.min(await cost(2_000), await cost(2_000), await cost(2_000));
    const large = Math.min(await cost(20_000), await cost(20_000), await cost(20_000));
    // A quadratic scheduler takes a hundred times as long.
    expect(large / small).toBeLessThan(40);
  });
});
