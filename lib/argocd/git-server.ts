import { createHash, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { checkoutPassword, checkoutUser } from "#lib/argocd/checkout-password.ts";
import type { Checkout, GitSource } from "#lib/argocd/git-source.ts";
import { type ServedCopy, type ServedCopyWorld, servedCopy } from "#lib/argocd/served-copy.ts";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";

/**
 * Serves one commit of the checkout and its history over Git's smart HTTP protocol, read-only
 * (https://git-scm.com/docs/http-protocol); Argo CD doesn't support the dumb protocol. Each request runs `git upload-pack` once. Other
 * hosts may be able to reach its address, so it requires the password that clusters have.
 */
export interface GitServer {
  readonly stop: () => Promise<void>;
}

/** The response at its root, with a digest of its password, so that other processes of this checkout recognize it. */
const identity = "k8s-multicluster-gitops checkout";
const service = "git-upload-pack";
const retryMs = 500;
/** Covers a clone of a large repository on a busy laptop. */
const packTimeoutMs = 120_000;
/** A request lists objects, 50 bytes each. A client sends some thousands, compressed. */
const longestBody = 4 * 1024 * 1024;

export interface GitServerOptions extends Pick<GitSource, "repository" | "revision"> {
  readonly checkout: Pick<Checkout, "address" | "port">;
}

export type GitServerWorld = ServedCopyWorld & Pick<World, "clock" | "variables">;

interface Serving {
  readonly copy: ServedCopy;
  /** Host names and addresses of this server, with the port, as clusters use them. */
  readonly hosts: ReadonlySet<string>;
  readonly password: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Folder of the checkout. */
  readonly root: string;
}

/** Serves the revision until `stop`. While another process of this checkout serves, waits to take over. @throws FleetError PortTaken */
export async function serveCheckout(world: GitServerWorld, options: GitServerOptions): Promise<GitServer> {
  const { repository, revision, checkout } = options;
  const copy = servedCopy(world, checkout.port);
  const serving: Serving = {
    copy,
    hosts: new Set([new URL(repository).host, `${checkout.address}:${checkout.port}`]),
    password: await checkoutPassword(world),
    variables: world.variables,
    root: world.paths.root,
  };
  const stopping = new AbortController();
  const listen = (): Listening | undefined =>
    tryListen(checkout, serving, () => copy.include(revision, { alone: true }));
  let listening = listen();
  if (listening === undefined) {
    await requireOurs(checkout, serving);
    await copy.include(revision, { alone: false });
  } else await listening.ready;
  const takeOver = (async () => {
    while (listening === undefined && !stopping.signal.aborted) {
      await world.clock.sleep(retryMs, stopping.signal).catch(() => undefined);
      listening = listen();
      // A process that started serving meanwhile has copied only its own commit.
      if (listening === undefined) await copy.include(revision, { alone: false }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await takeOver;
      await listening?.server.stop();
    },
  };
}

interface Listening {
  readonly server: Bun.Server<undefined>;
  /** The copy contains the commit. */
  readonly ready: Promise<void>;
}

/** Undefined if the port is taken: the process that owns it may change the copy. */
function tryListen(
  { address, port }: GitServerOptions["checkout"],
  serving: Serving,
  prepare: () => Promise<void>,
): Listening | undefined {
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  try {
    const server = Bun.serve({
      hostname: address,
      port,
      maxRequestBodySize: longestBody,
      // A fetch that packs many objects sends nothing for a while.
      idleTimeout: 120,
      fetch: async (request, server) => {
        const isThisComputer = server.requestIP(request)?.address === address;
        return await answer(request, serving, ready, isThisComputer);
      },
      error: () => new Response("the checkout can't be read", { status: 500 }),
    });
    prepare().then(resolve, async (error: unknown) => {
      await server.stop(true);
      reject(error);
    });
    ready.catch(() => undefined);
    return { server, ready };
  } catch (error) {
    if (isErrno(error, "EADDRINUSE")) return undefined;
    throw new FleetError("PortTaken", `this checkout can't be served on ${address}:${port}`, {
      hint: "choose another gitops.port in the fleet",
      cause: error,
    });
  }
}

/** @throws FleetError PortTaken if another program listens, or another checkout, which does not have our commits */
async function requireOurs({ address, port }: GitServerOptions["checkout"], serving: Serving): Promise<void> {
  const said = await fetch(`http://${address}:${port}/`, { signal: AbortSignal.timeout(2_000) })
    .then((response) => response.text())
    .catch(() => "");
  if (said.split("\n")[0] === identify(serving)) return;
  const [, folder] = said.split("\n");
  const by = said.startsWith(identity) ? `the checkout in ${folder ?? "another folder"}` : "another program";
  throw new FleetError("PortTaken", `port ${port} on ${address}, where clusters read this checkout, is used by ${by}`, {
    hint: "stop the process that listens there, or choose another gitops.port in the fleet",
  });
}

function identify({ password }: Serving): string {
  return `${identity} ${digest(password).toString("hex")}`;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

async function answer(
  request: Request,
  serving: Serving,
  ready: Promise<void>,
  isThisComputer: boolean,
): Promise<Response> {
  // Protects against DNS rebinding: a web page can send a browser here under its own host name.
  if (!serving.hosts.has(request.headers.get("host") ?? "")) return new Response("unknown host", { status: 421 });
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/") {
    // For another checkout's error message; the path is not shown to other hosts.
    return new Response(isThisComputer ? `${identify(serving)}\n${serving.root}` : identify(serving));
  }
  if (!pathname.startsWith("/checkout.git/")) return new Response("not found", { status: 404 });
  if (!isAuthorized(request, serving)) {
    return new Response("unauthorized", { status: 401, headers: { "www-authenticate": 'Basic realm="checkout"' } });
  }
  await ready;
  const protocol = request.headers.get("git-protocol") ?? "";
  if (request.method === "GET" && pathname === "/checkout.git/info/refs" && searchParams.get("service") === service) {
    const refs = uploadPack(["--http-backend-info-refs"], null, protocol, serving);
    const head = `# service=${service}\n`;
    const line = (head.length + 4).toString(16).padStart(4, "0");
    return reply("advertisement", Buffer.concat([Buffer.from(`${line}${head}0000`), await refs.bytes()]));
  }
  if (request.method === "POST" && pathname === `/checkout.git/${service}`) {
    const body = await readBody(request);
    if (body === undefined) return new Response("the request is too long", { status: 413 });
    return reply("result", uploadPack([], body, protocol, serving).body);
  }
  return new Response("this repository is read-only", { status: 403 });
}

function isAuthorized(request: Request, { password }: Serving): boolean {
  const expected = `Basic ${btoa(`${checkoutUser}:${password}`)}`;
  return timingSafeEqual(digest(request.headers.get("authorization") ?? ""), digest(expected));
}

const unzip = promisify(gunzip);

/** Undefined if it is longer than any request of Git; the server limits the compressed size. */
async function readBody(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const body = Buffer.from(await request.arrayBuffer());
  if (request.headers.get("content-encoding") !== "gzip") return body;
  try {
    return await unzip(body, { maxOutputLength: longestBody });
  } catch (error) {
    if (isErrno(error, "ERR_BUFFER_TOO_LARGE")) return undefined;
    throw error;
  }
}

function reply(type: "advertisement" | "result", body: ConstructorParameters<typeof Response>[0]): Response {
  return new Response(body, {
    headers: { "content-type": `application/x-${service}-${type}`, "cache-control": "no-cache" },
  });
}

/** Doesn't use world.exec, because input and output are binary streams. */
function uploadPack(
  flags: readonly string[],
  input: Uint8Array<ArrayBuffer> | null,
  protocol: string,
  { copy: { folder }, variables }: Serving,
): Response {
  // In a container the folder may belong to another user; refs pinned by concurrent runs are hidden from clusters.
  const settings = ["-c", `safe.directory=${folder}`, "-c", "uploadpack.allowReachableSHA1InWant=true"];
  const git = Bun.which("git", { PATH: variables.PATH ?? "" }) ?? "git";
  const child = Bun.spawn([git, ...settings, "upload-pack", "--stateless-rpc", ...flags, folder], {
    env: { ...variables, GIT_PROTOCOL: protocol },
    stdin: input ?? "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: packTimeoutMs,
  });
  return new Response(child.stdout);
}
