import { describe, expect, test } from "bun:test";
import { type Body, type BodyRules, compareBody, mergeBody } from "#lib/cloud/body.ts";

const rules: BodyRules = {
  immutable: ["network"],
  anyCase: ["roleId"],
  sets: ["ranges"],
  same: { "pools.version": (wanted, found) => String(found).startsWith(`${wanted}.`) },
  replaces: { version: (wanted, found) => Number(wanted) < Number(found) },
};

describe("a body", () => {
  test.each<[string, Body, Body]>([
    ["lacks fields that are not wanted", { a: 1 }, { a: 1, id: "/x", tags: {} }],
    ["has an empty value for a missing one", { a: false, b: [], c: "", d: { e: false } }, {}],
    ["has undefined for what is not set", { a: undefined }, { a: 2 }],
    ["spells ids in another case", { roleId: "/Providers/A" }, { roleId: "/providers/a" }],
    ["has a set in another order", { ranges: ["a", "b"] }, { ranges: ["b", "a"] }],
    [
      "has other elements with names",
      { pools: [{ name: "a", n: 1 }] },
      { pools: [{ name: "b" }, { name: "a", n: 1 }] },
    ],
    [
      "has a value that the rule calls the same",
      { pools: [{ name: "a", version: "1.35" }] },
      { pools: [{ name: "a", version: "1.35.7" }] },
    ],
    ["has fields below that are not wanted", { list: [{ a: 1 }] }, { list: [{ a: 1, b: 2 }] }],
  ])("is the same if the answer %s", (_, wanted, found) => {
    expect(compareBody(wanted, found, rules)).toEqual([]);
  });

  test.each<[string, Body, Body, readonly unknown[]]>([
    ["a value", { a: { b: 2 } }, { a: { b: 1 } }, ["a.b", "1", "2", "in-place"]],
    ["a missing object by its fields", { a: { b: 2 } }, {}, ["a.b", "", "2", "in-place"]],
    ["case where it matters", { name: "A" }, { name: "a" }, ["name", "a", "A", "in-place"]],
    [
      "order where it matters",
      { list: ["a", "b"] },
      { list: ["b", "a"] },
      ["list", ["b", "a"], ["a", "b"], "in-place"],
    ],
    ["an element too many", { ranges: ["a"] }, { ranges: ["a", "b"] }, ["ranges", ["a", "b"], ["a"], "in-place"]],
    ["a list to be emptied", { ranges: [] }, { ranges: ["a"] }, ["ranges", ["a"], [], "in-place"]],
    ["true where it is missing", { on: true }, {}, ["on", "", "true", "in-place"]],
    [
      "what is fixed",
      { network: { pods: "10" } },
      { network: { pods: "11" } },
      ["network.pods", "11", "10", "replace"],
    ],
    ["what may only rise", { version: 1 }, { version: 2 }, ["version", "2", "1", "replace"]],
    ["what has risen", { version: 2 }, { version: 1 }, ["version", "1", "2", "in-place"]],
    [
      "an element by its name",
      { pools: [{ name: "a", n: 2 }] },
      {
        pools: [
          { name: "b", n: 5 },
          { name: "a", n: 1 },
        ],
      },
      ["pools[a].n", "1", "2", "in-place"],
    ],
    [
      "an element by its place",
      { list: [{ actions: ["a", "b"] }] },
      { list: [{ actions: ["a"] }] },
      ["list[0].actions", ["a"], ["a", "b"], "in-place"],
    ],
  ])("differs by %s", (_, wanted, found, [field, from, to, effect]) => {
    expect(compareBody(wanted, found, rules)).toEqual([{ field, from, to, effect } as never]);
  });

  test("is written with all that was found beside what is wanted", () => {
    const found = {
      version: 1,
      network: { pods: "10", dns: "11" },
      pools: [
        { name: "other", n: 5 },
        { name: "a", n: 1, size: "s", version: "1.35.7" },
      ],
      ranges: ["b", "a"],
    };
    const wanted = {
      version: 2,
      network: { pods: "10" },
      pools: [
        { name: "a", n: 2, version: "1.35" },
        { name: "new", n: 1 },
      ],
      ranges: ["a", "b"],
      left: undefined,
    };
    expect(mergeBody(wanted, found, rules)).toEqual({
      version: 2,
      network: { pods: "10", dns: "11" },
      pools: [
        { name: "other", n: 5 },
        { name: "a", n: 2, size: "s", version: "1.35.7" },
        { name: "new", n: 1 },
      ],
      ranges: ["b", "a"],
    });
  });
});
