import { expect, test } from "bun:test";
import { parseArguments, parsePairs, UnknownUsage } from "#sandbox/docker/argv.ts";
import { DockerError, lookUpImage, parseImageReference } from "#sandbox/docker/engine.ts";
import { matchesCommand, parseEffect } from "#sandbox/docker/faults.ts";

const specification = {
  flags: { all: "boolean", quiet: "boolean", filter: "list", format: "string" },
  short: { a: "all", q: "quiet", f: "filter" },
} as const;

test("reads long, short and combined flags among arguments", () => {
  const args = parseArguments(["one", "-aq", "--filter", "a=b", "--filter=c", "two", "--format=json"], specification);
  expect(args.positional).toEqual(["one", "two"]);
  expect([args.is("all"), args.is("quiet")]).toEqual([true, true]);
  expect(args.values("filter")).toEqual(["a=b", "c"]);
  expect(args.value("format")).toBe("json");
});

test.each([[["--frob"]], [["-x"]], [["--all=maybe"]], [["--format"]]])("refuses %p", (argv) => {
  expect(() => parseArguments(argv, specification)).toThrow(UnknownUsage);
});

test("splits pairs at the first equals sign", () => {
  expect(parsePairs(["a=b=c", "d"])).toEqual({ a: "b=c", d: "" });
});

test("reads image references", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  expect(parseImageReference(`kindest/node:v1.36.1@${digest}`)).toEqual({
    repository: "kindest/node",
    tag: "v1.36.1",
    digest,
  });
  expect(parseImageReference("docker.io/library/busybox")).toEqual({
    repository: "busybox",
    tag: "latest",
    digest: undefined,
  });
});

test("a registry refuses tags and repositories that it does not have", () => {
  expect(() => lookUpImage("kindest/node:v9.9.9")).toThrow("manifest unknown");
  expect(() => lookUpImage("somebody/else:1")).toThrow(DockerError);
});

test("faults match words in order", () => {
  expect(matchesCommand("create cluster", ["create", "cluster", "--name", "x"])).toBe(true);
  expect(matchesCommand("create x", ["create", "cluster", "--name", "x"])).toBe(true);
  expect(matchesCommand("cluster create", ["create", "cluster"])).toBe(false);
});

test("fault effects are parsed or refused", () => {
  expect(parseEffect("fail:3:no: space")).toEqual({ kind: "fail", failure: { exitCode: 3, text: "no: space" } });
  expect(parseEffect("slow:20")).toEqual({ kind: "slow", ms: 20 });
  expect(parseEffect("explode")).toBeUndefined();
});
