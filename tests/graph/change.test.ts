import { expect, test } from "bun:test";
import { formatChange, listDifference } from "#lib/graph/change.ts";
import type { ChangeValue } from "#lib/graph/resource.ts";

const format = (from: ChangeValue, to: ChangeValue): string =>
  formatChange({ field: "field", from, to, effect: "in-place" });

test.each([
  ["a single value", "1", "2", "field: 1 → 2"],
  ["a value that was not there", "", "2", "field: none → 2"],
  ["elements that come and go", ["a", "b"], ["b", "c"], "field: + c, - a"],
  ["an element that is there twice", ["a", "a"], ["a"], "field: - a"],
  ["a list that was not there", [], ["a"], "field: + a"],
  ["a list that is not known yet", ["a", "b"], "known later", "field: a, b → known later"],
  ["another order", ["a", "b"], ["b", "a"], "field: a, b → b, a"],
])("%s reads as such", (_what, from, to, text) => {
  expect(format(from, to)).toBe(text);
});

test("single values have no elements", () => {
  expect(listDifference({ from: "a", to: "b" })).toBeUndefined();
});
