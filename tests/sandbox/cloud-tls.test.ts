import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectSecurely } from "node:tls";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import { type CloudProxy, openProxy } from "#sandbox/cloud/proxy.ts";
import { openTls } from "#sandbox/cloud/tls.ts";

const host = "management.cloud.test";

let folder: string;
let server: HttpServer;
let proxy: CloudProxy;
let ca: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cloud-tls-"));
  const tls = await openTls(folder, "toy", [host]);
  ca = await readFile(tls.authorityPath, "utf8");
  const answer = { account: "", caller: "" };
  server = await openHttpServer({
    api: () => ({
      operationOf: () => undefined,
      handle: async ({ url }) => ({ response: new Response(url.href), ...answer }),
      refuse: () => new Response(),
      readErrorCode: async () => undefined,
    }),
    tls,
  });
  proxy = await openProxy({ portOf: (name) => (name === host ? server.port : undefined) });
});
/** Sends one line to the proxy, and reads the head of its answer. */
async function ask(line: string): Promise<{ readonly head: string; readonly socket: Socket }> {
  const socket = connect(proxy.port, "127.0.0.1");
  socket.write(`${line}\r\nhost: ${host}\r\n\r\n`);
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("data", (bytes) => resolve(bytes.toString()));
  return { head: await promise, socket };
}

afterEach(async () => {
  await proxy.stop();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test("a cloud with host names speaks HTTPS on loopback", async () => {
  expect(server.endpoint).toStartWith("https://127.0.0.1:");
  const answer = await fetch(`${server.endpoint}/here`, { tls: { ca } });
  expect(await answer.text()).toBe(`${server.endpoint}/here`);
  await expect(fetch(server.endpoint)).rejects.toThrow();
});

test("the proxy leads a public host name to it, with a certificate of that name", async () => {
  const { head, socket } = await ask(`CONNECT ${host}:443 HTTP/1.1`);
  expect(head).toStartWith("HTTP/1.1 200 ");
  const secure = connectSecurely({ socket, servername: host, ca });
  secure.write(`GET /there HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const answer = await secure.setEncoding("utf8").toArray();
  expect(answer.join("")).toEndWith(`https://${host}/there`);
});

test.each([
  ["other hosts", "CONNECT elsewhere.test:443 HTTP/1.1", "HTTP/1.1 403 "],
  ["plain requests", `GET http://${host}/ HTTP/1.1`, "HTTP/1.1 405 "],
])("the proxy refuses %s", async (_, line, expected) => {
  const { head, socket } = await ask(line);
  expect(head).toStartWith(expected);
  socket.destroy();
});

test("certificates stay the same, and are issued again by the same authority for other names", async () => {
  const before = await openTls(folder, "toy", [host]);
  const other = await openTls(folder, "toy", [host, "login.cloud.test"]);
  expect(await openTls(folder, "toy", [host, "login.cloud.test"])).toEqual(other);
  expect(other.certificate).not.toBe(before.certificate);
  expect(await readFile(other.authorityPath, "utf8")).toBe(ca);
  expect(existsSync(join(folder, "authority-key.pem"))).toBe(true);
});
