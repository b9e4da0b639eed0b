import { afterAll, beforeAll, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";

let server: HttpServer;
beforeAll(async () => {
  server = await openHttpServer({
    api: () => ({
      operationOf: () => undefined,
      handle: async ({ body }) => ({ response: new Response(body), account: "", caller: "" }),
      refuse: () => new Response(),
      readErrorCode: async () => undefined,
    }),
  });
});
afterAll(() => server.stop());

const send = (body: string | Uint8Array, headers = {}) => fetch(server.endpoint, { method: "POST", body, headers });
const compressed = { "content-encoding": "gzip" };

test("bodies may be compressed, as clients of Google send them", async () => {
  expect(await (await send("plain")).text()).toBe("plain");
  expect(await (await send(gzipSync("compressed"), compressed)).text()).toBe("compressed");
});

test.each([
  ["that are not what their header says", Buffer.from("plain")],
  ["of more than two megabytes once they are read", gzipSync(Buffer.alloc(3 * 1_048_576))],
])("bodies %s end the connection", async (_, body) => {
  await expect(send(body, compressed)).rejects.toThrow();
});
