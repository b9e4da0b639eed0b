import { expect, test } from "bun:test";
import type { World } from "#lib/graph/world.ts";
import { findListener, parseListeningInodes } from "#lib/local/listener.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1997 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 40211 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1997 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 40300 1 0000000000000000 20 4 30 10 -1
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1 0000000000000000 100 0 0 10 0
`;

test("the inode of a listening socket is found by its port, and of no connection", () => {
  expect(parseListeningInodes(table, 6551)).toEqual(["40211"]);
  expect(parseListeningInodes(table, 22)).toEqual(["1234"]);
  expect(parseListeningInodes(table, 23)).toEqual([]);
});

test.skipIf(process.platform !== "linux")("the process that listens on a port is found by looking", async () => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  // Linux needs no program to find it.
  const world = {} as World;
  expect((await findListener(world, listener.port))?.pid).toBe(process.pid);
  const { port } = listener;
  listener.stop(true);
  expect(await findListener(world, port)).toBeUndefined();
});
