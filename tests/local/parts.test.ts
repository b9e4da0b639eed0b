import { describe, expect, test } from "bun:test";
import { parseCreateProcess } from "#lib/local/create-process.ts";
import { dockerError } from "#lib/local/docker.ts";
import { waitingFor } from "#lib/local/readiness.ts";

describe("who creates a cluster right now", () => {
  test.each([
    ["4711 kind create cluster --name a.internal", "4711"],
    ["  4711 /opt/bin/kind create cluster --config /tmp/x/a.internal.yaml", "4711"],
    ["4711 kind create cluster --name=a.internal", "4711"],
    ["4711 kind delete cluster --name a.internal", undefined],
    ["4711 kind create cluster --name b.internal", undefined],
    ["4711 vi kind create cluster a.internal", undefined],
    ["", undefined],
  ])("is read of ps: %s", (line, pid) => {
    expect(parseCreateProcess(`PID COMMAND\n${line}`, "kind", "a.internal")).toBe(pid);
  });
});

describe("a fault of docker", () => {
  test.each([
    ["permission denied while trying to connect to the Docker daemon socket", "DockerDenied"],
    ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "DockerUnreachable"],
    ["failed to connect to the docker API at npipe", "DockerUnreachable"],
    ['Failed to initialize: unable to resolve docker endpoint: context "nope": context not found', "DockerUnreachable"],
    ['Current context "nope" is not found on the file system', "DockerUnreachable"],
    ["unable to resolve docker endpoint: invalid bind address format: foo://x", "DockerUnreachable"],
    ["No such image: x", "ProgramFailed"],
  ])("is told as what it is: %s", (stderr, code) => {
    expect(dockerError({ command: "docker ps", stdout: "", stderr, exitCode: 1 }).code).toBe(code);
  });
});

describe("a cluster waits", () => {
  const node = (name: string, ready: boolean) => ({
    name,
    labels: {},
    ready,
    reason: "KubeletNotReady",
    version: undefined,
  });
  const seen = { missing: [], wasReady: true, trouble: undefined };

  test("for its nodes, then for CoreDNS, then for nothing", () => {
    expect(waitingFor({ ...seen, nodes: [node("a", true), node("b", false)], dnsUp: false })).toBe(
      "1 of 2 nodes (b: KubeletNotReady)",
    );
    expect(waitingFor({ ...seen, nodes: [node("a", true)], dnsUp: false })).toBe("CoreDNS");
    expect(waitingFor({ ...seen, nodes: [node("a", true)], dnsUp: true })).toBeUndefined();
  });
});
