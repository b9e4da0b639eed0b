/** Whether anybody uses a daemon: it ends when nobody has for a while, and the next command starts it again. */
export class Usage {
  readonly #idleMs: number;
  readonly #now: () => number;
  readonly #busy = new Set<() => boolean>();
  #last: number;

  /** @param now milliseconds, of a clock that never goes back */
  constructor(idleMs: number, now: () => number = () => performance.now()) {
    this.#idleMs = idleMs;
    this.#now = now;
    this.#last = now();
  }

  /** A request has come. */
  readonly use = (): void => {
    this.#last = this.#now();
  };

  /** @param isBusy true while a connection or request goes on, however long it is silent. @returns what forgets it */
  watch(isBusy: () => boolean): () => void {
    this.#busy.add(isBusy);
    return () => this.#busy.delete(isBusy);
  }

  isOver(): boolean {
    if ([...this.#busy].some((isBusy) => isBusy())) this.use();
    return this.#now() - this.#last >= this.#idleMs;
  }
}
