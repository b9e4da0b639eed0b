import { existsSync } from "node:fs";
import type { CloudOptions, OpenCloud, SandboxCloud } from "#sandbox/cloud/cloud.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";

/** A cloud behind its HTTP server. */
export interface CloudHost {
  readonly server: HttpServer;
  /** Opens the cloud unless it is open. */
  open(): Promise<OpenCloud>;
  zones(): ReturnType<OpenCloud["zones"]>;
  close(): Promise<void>;
}

/**
 * Listens at once and opens the cloud with the first request. A cloud with saved state is opened at once: its clusters have
 * ports of their own.
 *
 * @param options.port from before; undefined for any free port
 */
export async function openCloudHost(
  cloud: SandboxCloud,
  options: Omit<CloudOptions, "endpoint"> & { readonly port: number | undefined },
): Promise<CloudHost> {
  const { port, tls, usage, log } = options;
  let server: HttpServer | undefined;
  let opened: OpenCloud | undefined;
  let opening: Promise<OpenCloud> | undefined;
  const load = async (): Promise<OpenCloud> => {
    opened = await cloud.open({ ...options, endpoint: () => server?.endpoint ?? "" });
    return opened;
  };
  const open = (): Promise<OpenCloud> => {
    opening ??= load();
    return opening;
  };
  if (existsSync(options.stateFile)) await open();
  const listening = await openHttpServer({
    api: async () => (await open()).api,
    log,
    ...(tls === undefined ? {} : { tls }),
    ...(port === undefined ? {} : { port }),
    ...(usage === undefined ? {} : { usage }),
  });
  server = listening;
  return {
    server: listening,
    open,
    zones: () => opened?.zones() ?? [],
    async close() {
      await listening.stop();
      await opened?.close();
    },
  };
}
