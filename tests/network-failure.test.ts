import { describe, expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { findNetworkFailure } from "#lib/network-failure.ts";

const coded = (code: string) => Object.assign(new TypeError(`${code}: no`), { code });

/** What the runtime itself throws, so that another version of it is noticed. */
async function thrownBy(call: () => Promise<unknown>): Promise<unknown> {
  return await call().then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function listening(answer: (server: Server) => void): Promise<string> {
  const server = createServer().unref();
  answer(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

describe("what fetch throws", () => {
  test("when nobody listens: the request was not sent", async () => {
    const failure = findNetworkFailure(await thrownBy(() => fetch("http://127.0.0.1:1/")));
    expect(failure).toMatchObject({ transient: true, unsent: true });
    expect(failure?.reason).toContain("ECONNREFUSED");
  });

  test("when the connection is cut: it may have been sent", async () => {
    const host = await listening((server) =>
      server.on("connection", (socket) => socket.once("data", () => socket.destroy())),
    );
    expect(findNetworkFailure(await thrownBy(() => fetch(`http://${host}/`)))).toMatchObject({
      transient: true,
      unsent: false,
    });
  });

  test("when it takes too long", async () => {
    const host = await listening(() => undefined);
    const thrown = await thrownBy(() => fetch(`http://${host}/`, { signal: AbortSignal.timeout(20) }));
    expect(findNetworkFailure(thrown)).toMatchObject({ transient: true, unsent: false });
  });

  test("when the other side speaks no TLS", async () => {
    const host = await listening((server) =>
      server.on("connection", (socket) => socket.once("data", () => socket.end("no\r\n"))),
    );
    expect(findNetworkFailure(await thrownBy(() => fetch(`https://${host}/`)))).toMatchObject({ transient: true });
  });
});

test.each([
  ["ENOTFOUND", true, true],
  ["EAI_AGAIN", true, true],
  ["EHOSTUNREACH", true, true],
  ["ENETUNREACH", true, true],
  ["ERR_PROXY_TUNNEL", true, true],
  ["ECONNRESET", true, false],
  ["ETIMEDOUT", true, false],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", false, true],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", false, true],
  ["CERT_HAS_EXPIRED", false, true],
  ["ERR_TLS_CERT_ALTNAME_INVALID", false, true],
])("%s: transient %p, unsent %p", (code, transient, unsent) => {
  expect(findNetworkFailure(coded(code))).toMatchObject({ transient, unsent });
});

test("is found below what it caused, and among several", () => {
  expect(findNetworkFailure(new Error("failed", { cause: coded("EAI_AGAIN") }))?.reason).toContain("EAI_AGAIN");
  expect(findNetworkFailure(new AggregateError([new Error("x"), coded("ENETUNREACH")], "all failed"))?.unsent).toBe(
    true,
  );
});

test.each([new RangeError("a fault of ours"), "text", undefined, coded("EACCES"), coded("ENOSPC")])(
  "isn't seen in what has nothing to do with the network: %p",
  (thrown) => expect(findNetworkFailure(thrown)).toBeUndefined(),
);
