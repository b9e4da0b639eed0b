import { expect, test } from "bun:test";
import { formatGuess, suggest, tryNearest } from "#lib/nearest.ts";

const known = ["kind01.internal", "kind02.internal", "k3d01.internal"];

test("a slip leads to the name that was meant", () => {
  expect(tryNearest("knid01.internal", known)).toBe("kind01.internal");
  expect(tryNearest("kind02.intenal", known)).toBe("kind02.internal");
});

test("the beginning of one name leads to it, that of several to none of them at will", () => {
  expect(tryNearest("kind01", known)).toBe("kind01.internal");
  expect(tryNearest("k3d", known)).toBe("k3d01.internal");
  expect(formatGuess("kind", known)).toBe("");
});

test("another word leads to no name", () => {
  expect(tryNearest("production-of-the-bakery", known)).toBeUndefined();
  expect(tryNearest("x", [])).toBeUndefined();
  expect(formatGuess("production-of-the-bakery", known)).toBe("");
});

test("a hint has the nearest name and all that there are", () => {
  expect(suggest("kind03.internal", known)).toStartWith('did you mean "kind0');
  expect(suggest("kind03.internal", known)).toEndWith("there are: kind01.internal, kind02.internal, k3d01.internal");
  expect(suggest("x", [])).toBe("there is none to choose");
});

test("a long list is cut after twenty names", () => {
  const names = Array.from({ length: 21 }, (_, index) => `cluster-${index}-of-many`);
  expect(suggest("?", names)).toBe(`there are: ${names.slice(0, 20).join(", ")}, …`);
});
