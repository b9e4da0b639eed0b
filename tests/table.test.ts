import { expect, test } from "bun:test";
import { formatTable } from "#lib/table.ts";

test("columns are as wide as their widest cell, and lines end without a space", () => {
  const table = formatTable(
    ["name", "port"],
    [
      ["kind01.internal", "6551"],
      ["k3d", ""],
    ],
  );
  expect(table).toBe("name             port\nkind01.internal  6551\nk3d\n");
});

test("wide characters and colours count as what they take on the screen", () => {
  const table = formatTable(
    ["a", "b"],
    [
      ["日本", "x"],
      ["\u001B[31mred\u001B[0m", "y"],
    ],
  );
  expect(Bun.stripANSI(table)).toBe("a     b\n日本  x\nred   y\n");
});

test("a row may lack cells, and a table rows", () => {
  expect(formatTable(["a", "b"], [["x"]])).toBe("a  b\nx\n");
  expect(formatTable(["a", "b"], [])).toBe("a  b\n");
});

test("the last column is wrapped to the screen between words, and words are never cut", () => {
  const rows = [
    ["a", "one two three four five"],
    ["b", "six"],
    ["c", "a-word-that-is-longer-than-the-screen"],
  ];
  expect(formatTable(["n", "text"], rows, 23)).toBe(
    "n  text\na  one two three four\n   five\nb  six\nc  a-word-that-is-longer-than-the-screen\n",
  );
  // Too little is left.
  expect(formatTable(["n", "text"], rows, 20)).toBe(formatTable(["n", "text"], rows));
});
