import { describe, expect, test } from "bun:test";
import type { World } from "#lib/graph/world.ts";
import { parseDockerInfo } from "#lib/local/docker-info.ts";
import { findHostAddress } from "#lib/local/host-address.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeExec } from "#tests/support/fake-exec.ts";
import { emptyMachine, localWorld } from "#tests/support/local-world.ts";

/** A network that documentation alone uses (RFC 5737): no computer has its addresses. */
const foreign = "192.0.2.1";

function worldWith(info: Readonly<Record<string, unknown>>, gateway: string): World {
  const { world } = localWorld(emptyMachine());
  const base = {
    Name: "laptop",
    ServerVersion: "28.0.0",
    NCPU: 2,
    MemTotal: 1,
    DockerRootDir: "/",
    OperatingSystem: "Debian",
  };
  const network = [{ IPAM: { Config: [{ Subnet: "172.17.0.0/16", Gateway: gateway }] } }];
  const exec = fakeExec((_program, args) => ({
    stdout: JSON.stringify(args[0] === "info" ? { ...base, ...info } : network),
    stderr: "",
    exitCode: 0,
  }));
  return { ...world, exec };
}

describe("containers reach this computer", () => {
  test("by the address of the bridge where that is local", async () => {
    expect(await findHostAddress(worldWith({}, "127.0.0.1"))).toEqual({ name: "127.0.0.1", listen: "127.0.0.1" });
  });

  test.each([
    ["Docker Desktop", { OperatingSystem: "Docker Desktop" }],
    ["OrbStack", { OperatingSystem: "OrbStack" }],
    ["Colima", { Name: "colima", OperatingSystem: "Ubuntu 24.04.2 LTS" }],
    ["a profile of Colima", { Name: "colima-work", OperatingSystem: "Ubuntu 24.04.2 LTS" }],
    ["Rancher Desktop", { Name: "lima-rancher-desktop", OperatingSystem: "Rancher Desktop WSL Distribution" }],
  ])("by the host gateway of %s", async (_name, info) => {
    const address = { name: "host.docker.internal", listen: "127.0.0.1" };
    expect(await findHostAddress(worldWith(info, foreign))).toEqual(address);
  });

  test.each([
    ["rootless Docker", { SecurityOptions: ["name=seccomp,profile=builtin", "name=rootless"] }, "Docker is rootless"],
    ["Docker on another machine", { Name: "build01" }, "Docker runs on another machine (build01, Debian)"],
  ])("in no way with %s, which names the setting that works", async (_name, info, why) => {
    const error = await failureOf(findHostAddress(worldWith(info, foreign)));
    expect(error.code).toBe("CheckoutUnreadable");
    expect(error.message).toContain(why);
    expect(error.hint).toContain("gitops.local to repository");
  });
});

describe("a daemon that is down is DockerUnreachable, as a client reports it with exit code 0", () => {
  test.each([
    ["version 20", '{"ServerErrors":["Cannot connect to the Docker daemon"],"ClientInfo":{"Debug":false}}'],
    ["version 23", '{"ID":"","ServerVersion":"","NCPU":0,"MemTotal":0,"DockerRootDir":"","OperatingSystem":""}'],
    ["no JSON", "Client: Docker Engine"],
  ])("%s", (_name, stdout) => {
    expect(() => parseDockerInfo(stdout)).toThrow(expect.objectContaining({ code: "DockerUnreachable" }));
  });
});
