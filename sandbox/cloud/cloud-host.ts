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
  options: CloudOptions & { readonly port: number | undefined },
): Promise<CloudHost> {
  const { port, usage, log } = options;
  let opened: OpenCloud | undefined;
  let opening: Promise<OpenCloud> | undefined;
  const load = async (): Promise<OpenCloud> => {
    opened = await cloud.open(options);
    return opened;
  };
  const open = (): Promise<OpenCloud> => {
    opening ??= load();
    return opening;
  };
  if (existsSync(options.stateFile)) await open();
  const server = await openHttpServer({
    api: async () => (await open()).api,
    log,
    ...(port === undefined ? {} : { port }),
    ...(usage === undefined ? {} : { usage }),
  });
  return {
    server,
    open,
    zones: () => opened?.zones() ?? [],
    async close() {
      await server.stop();
      await opened?.close();
    },
  };
}
