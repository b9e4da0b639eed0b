import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ReservedPorts } from "#sandbox/reserved-ports.ts";
import { k3dConfig, kindConfig, TestSandbox } from "#tests/sandbox/harness.ts";
import { freePort } from "#tests/support/free-port.ts";

describe("the ports of a fleet", () => {
  const opened: ReservedPorts[] = [];
  const moves: (readonly [number, number])[] = [];
  const open = (ports: Readonly<Record<string, number>> = {}, own: readonly number[] = []): ReservedPorts => {
    const reserved = new ReservedPorts({
      ports,
      isOpen: (port) => own.includes(port),
      move: (from, to) => moves.push([from, to]),
    });
    opened.push(reserved);
    return reserved;
  };
  afterEach(() => {
    for (const one of opened.splice(0)) one.close();
    moves.splice(0);
  });

  test("belong to the sandbox that asks first, before anything listens on them", async () => {
    const wanted = [freePort(), freePort()];
    const [first, second] = [open(), open()];
    await Promise.all([first.reserve(wanted), second.reserve(wanted)]);
    const given = [first, second].flatMap(({ ports }) => Object.values(ports));
    expect(new Set(given).size).toBe(4);
    expect(given).toEqual(expect.arrayContaining(wanted));
  });

  test("stay the same while they are held, whatever listens there", async () => {
    const wanted = freePort();
    const reserved = open();
    await reserved.reserve([wanted]);
    const inUse = listen(wanted);
    await reserved.reserve([wanted]);
    inUse.stop(true);
    expect(reserved.ports).toEqual({ [wanted]: wanted });
  });

  test("are others than those of another program, and are the same after a restart", async () => {
    const other = listen(0);
    const reserved = open();
    await reserved.reserve([other.port]);
    other.stop(true);
    const given = reserved.ports[other.port] ?? 0;
    expect(moves).toEqual([[other.port, given]]);
    reserved.close();
    const again = open(reserved.ports);
    await again.restore();
    expect(again.ports).toEqual({ [other.port]: given });
  });

  test("include one that the sandbox itself has open", async () => {
    const own = listen(0);
    const reserved = open({}, [own.port]);
    await reserved.reserve([own.port]);
    own.stop(true);
    expect(reserved.ports).toEqual({ [own.port]: own.port });
  });
});

test("clusters whose ports were taken while the sandbox was stopped come back on others", async () => {
  const sandbox = new TestSandbox();
  await sandbox.up();
  const [kindPort, k3dPort] = [freePort(), freePort()];
  const flags = ["--port", String(kindPort), "--port", String(k3dPort)];
  const kubeconfig = join(sandbox.folder.path, "kubeconfig.yml");
  try {
    expect((await sandbox.main("up", ...flags)).code).toBe(0);
    const kind = sandbox.file("kind.yaml", kindConfig("moved", kindPort));
    const k3d = sandbox.file("k3d.yaml", k3dConfig("moved", k3dPort));
    const image = ["--image", "kindest/node:v1.36.1"];
    const made = await Promise.all([
      sandbox.run("kind", "create", "cluster", "--config", kind, "--kubeconfig", kubeconfig, ...image),
      sandbox.run("k3d", "cluster", "create", "--config", k3d),
    ]);
    expect(made.map(({ code }) => code)).toEqual([0, 0]);
    await sandbox.main("down");
    const others = [listen(kindPort), listen(k3dPort)];
    try {
      const { ports } = JSON.parse((await sandbox.main("up", ...flags)).stdout) as { ports: Record<string, number> };
      const texts = [
        (await sandbox.run("kind", "get", "kubeconfig", "--name", "moved")).stdout,
        (await sandbox.run("k3d", "kubeconfig", "get", "moved")).stdout,
      ];
      for (const [index, wanted] of [kindPort, k3dPort].entries()) {
        const server = /server: (\S+)/.exec(texts[index] ?? "")?.[1];
        expect(server).toBe(`https://127.0.0.1:${ports[wanted]}`);
        expect(ports[wanted]).not.toBe(wanted);
        const ca = Buffer.from(/certificate-authority-data: (\S+)/.exec(texts[index] ?? "")?.[1] ?? "", "base64");
        expect((await fetch(`${server}/readyz`, { tls: { ca: ca.toString() } })).status).toBeLessThan(500);
      }
    } finally {
      for (const other of others) other.stop(true);
    }
  } finally {
    await sandbox.remove();
  }
}, 60_000);

function listen(port: number) {
  return Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => {} } });
}
