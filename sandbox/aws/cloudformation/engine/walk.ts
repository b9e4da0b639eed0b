/** Things with others that have to come before them; names outside the map count as done. */
export type Order = ReadonlyMap<string, readonly string[]>;

/**
 * Does `work` for everything, each as soon as what it needs is done. What needs a failed one is left out; so is all that
 * has not begun when `stopped` says so.
 *
 * @returns names of those that failed, in the order of their ends
 */
export async function walk(
  order: Order,
  work: (name: string) => Promise<void>,
  stopped: () => boolean = () => false,
): Promise<readonly string[]> {
  const done = new Set<string>();
  const failed: string[] = [];
  const started = new Set<string>();
  await new Promise<void>((resolve, reject) => {
    let running = 0;
    const advance = (): void => {
      for (const [name, needs] of order) {
        if (started.has(name) || stopped()) continue;
        if (needs.some((need) => order.has(need) && !done.has(need))) continue;
        started.add(name);
        running++;
        work(name)
          .then(
            () => done.add(name),
            (error: unknown) => {
              if (!(error instanceof WorkFailed)) throw error;
              failed.push(name);
            },
          )
          .then(() => {
            running--;
            advance();
          })
          .catch(reject);
      }
      if (running === 0) resolve();
    };
    advance();
  });
  return failed;
}

/** Ends the work on one thing; what it means has been recorded already. */
export class WorkFailed extends Error {}

/** The other way round: whoever was needed comes last. */
export function reversed(order: Order): Order {
  const result = new Map<string, string[]>([...order.keys()].reverse().map((name) => [name, []]));
  for (const [name, needs] of order) for (const need of needs) result.get(need)?.push(name);
  return result;
}
