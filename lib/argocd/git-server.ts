import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import type { World } from "#lib/world.ts";

/**
 * The checkout over Git's smart HTTP protocol, for reading only (https://git-scm.com/docs/http-protocol): Argo CD knows no
 * simpler one. Each request runs `git upload-pack` once.
 */
export interface GitServer {
  readonly stop: () => Promise<void>;
}

/** What it answers at its root, so that another process of ours knows it. */
const identity = "k8s-multicluster-gitops checkout";
const service = "git-upload-pack";
const retryMs = 500;
/** A clone of a large repository over a busy laptop. */
const packTimeoutMs = 120_000;

export interface GitServerOptions {
  readonly address: string;
  readonly port: number;
  /** The checkout. */
  readonly root: string;
}

type GitServerWorld = Pick<World, "clock" | "variables">;

/** While another process of ours serves it, waits to take over. @throws FleetError PortTaken */
export async function serveCheckout(world: GitServerWorld, options: GitServerOptions): Promise<GitServer> {
  const stopping = new AbortController();
  let server = tryListen(world, options);
  if (server !== undefined) return { stop: () => stopServer(server) };
  if (!(await isOurs(options))) throw portTaken(options);
  const takeOver = (async () => {
    while (!stopping.signal.aborted) {
      server = tryListen(world, options);
      if (server !== undefined) return;
      await world.clock.sleep(retryMs, stopping.signal).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await takeOver;
      await stopServer(server);
    },
  };
}

async function stopServer(server: Bun.Server<undefined> | undefined): Promise<void> {
  await server?.stop();
}

/** Undefined when the port is taken. */
function tryListen({ variables }: GitServerWorld, options: GitServerOptions): Bun.Server<undefined> | undefined {
  try {
    return Bun.serve({
      hostname: options.address,
      port: options.port,
      // A fetch with much to pack is silent for a while.
      idleTimeout: 120,
      fetch: (request) => answer(request, { root: options.root, variables }),
    });
  } catch (error) {
    if (isErrno(error, "EADDRINUSE")) return undefined;
    throw new FleetError("PortTaken", `this checkout can't be served on ${options.address}:${options.port}`, {
      hint: "choose another gitops.port in the fleet",
      cause: error,
    });
  }
}

interface Checkout {
  readonly root: string;
  readonly variables: Readonly<Record<string, string>>;
}

async function isOurs({ address, port }: GitServerOptions): Promise<boolean> {
  try {
    const response = await fetch(`http://${address}:${port}/`, { signal: AbortSignal.timeout(2_000) });
    return (await response.text()) === identity;
  } catch {
    return false;
  }
}

function portTaken({ address, port }: GitServerOptions): FleetError {
  return new FleetError("PortTaken", `port ${port} on ${address}, where clusters read this checkout, is taken`, {
    hint: "end what listens there, or choose another gitops.port in the fleet",
  });
}

async function answer(request: Request, checkout: Checkout): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/") return new Response(identity);
  const asked = { protocol: request.headers.get("git-protocol") ?? "", ...checkout };
  if (request.method === "GET" && pathname === "/checkout.git/info/refs" && searchParams.get("service") === service) {
    const refs = uploadPack(["--http-backend-info-refs"], null, asked);
    const head = `# service=${service}\n`;
    const line = (head.length + 4).toString(16).padStart(4, "0");
    return reply("advertisement", Buffer.concat([Buffer.from(`${line}${head}0000`), await refs.bytes()]));
  }
  if (request.method === "POST" && pathname === `/checkout.git/${service}`) {
    const body = Buffer.from(await request.arrayBuffer());
    const zipped = request.headers.get("content-encoding") === "gzip";
    return reply("result", uploadPack([], zipped ? Bun.gunzipSync(body) : body, asked).body);
  }
  return new Response("this repository can only be read", {
    status: pathname.startsWith("/checkout.git/") ? 403 : 404,
  });
}

function reply(type: "advertisement" | "result", body: ConstructorParameters<typeof Response>[0]): Response {
  return new Response(body, {
    headers: { "content-type": `application/x-${service}-${type}`, "cache-control": "no-cache" },
  });
}

/** Not by world.exec: what goes in and out is binary, and is passed on as it comes. */
function uploadPack(
  flags: readonly string[],
  input: Uint8Array<ArrayBuffer> | null,
  { protocol, root, variables }: Checkout & { readonly protocol: string },
): Response {
  // In a container the checkout belongs to somebody else; clusters are told commits, not branches.
  const settings = ["-c", `safe.directory=${root}`, "-c", "uploadpack.allowReachableSHA1InWant=true"];
  const git = Bun.which("git", { PATH: variables.PATH ?? "" }) ?? "git";
  const child = Bun.spawn([git, ...settings, "upload-pack", "--stateless-rpc", ...flags, root], {
    env: { ...variables, GIT_PROTOCOL: protocol },
    stdin: input ?? "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: packTimeoutMs,
  });
  return new Response(child.stdout);
}
