import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isErrno } from "#lib/files.ts";
import { listenAnywhere } from "#sandbox/ports.ts";

const loopback = "127.0.0.1";

export interface ReservedPortsOptions {
  /** Which port stands for a wanted one, from before. */
  readonly ports: Readonly<Record<string, number>>;
  /** This sandbox itself listens there. */
  readonly isOpen: (port: number) => boolean;
  /** What is published on a port is published on another one from now on. */
  readonly move: (from: number, to: number) => void;
}

/**
 * The ports that a fleet wants, or free ones in their place. Sandboxes of several checkouts exclude each other by the UDP
 * port of the same number: it is held from the start, when nothing listens on the TCP port yet, and released with the process.
 */
export class ReservedPorts {
  readonly #options: ReservedPortsOptions;
  readonly #held = new Map<number, Socket>();
  #ports: Readonly<Record<string, number>>;

  constructor(options: ReservedPortsOptions) {
    this.#options = options;
    this.#ports = options.ports;
  }

  /** By the wanted port. */
  get ports(): Readonly<Record<string, number>> {
    return this.#ports;
  }

  /** A port that is held already is not checked again: it may be in use by what it was reserved for. */
  async reserve(wanted: readonly number[]): Promise<void> {
    for (const port of wanted) {
      const before = this.#ports[port] ?? port;
      if (this.#held.has(before)) {
        this.#ports = { ...this.#ports, [port]: before };
        continue;
      }
      const now = await this.#hold(before).catch(async (error: unknown) => {
        if (!isErrno(error, "EADDRINUSE", "EACCES")) throw error;
        return await listenAnywhere((other) => this.#hold(other));
      });
      this.#ports = { ...this.#ports, [port]: now };
      if (now !== before) this.#options.move(before, now);
    }
  }

  /** Takes the ports from before again. */
  async restore(): Promise<void> {
    await this.reserve(Object.keys(this.#ports).map(Number));
  }

  close(): void {
    for (const socket of this.#held.values()) socket.close();
    this.#held.clear();
  }

  async #hold(port: number): Promise<number> {
    const socket = createSocket("udp4");
    try {
      socket.bind(port, loopback);
      await once(socket, "listening");
      // Throws EADDRINUSE too.
      if (!this.#options.isOpen(port)) Bun.listen({ hostname: loopback, port, socket: { data: () => {} } }).stop(true);
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.unref();
    this.#held.set(port, socket);
    return port;
  }
}
