import { expect, test } from "bun:test";
import {
  cleanLine,
  createStyle,
  cut,
  formatClock,
  formatCount,
  formatDuration,
  padEnd,
  padStart,
  spread,
  widthOf,
  wrap,
} from "#lib/view/format.ts";

test.each([
  [0, "0s"],
  [49, "0s"],
  [340, "0.3s"],
  [990, "1s"],
  [2_000, "2s"],
  [59_400, "59s"],
  [59_600, "1m 0s"],
  [724_000, "12m 4s"],
  [3_720_000, "1h 2m"],
])("%p ms are %p", (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected);
});

test.each([
  [-5, "0:00"],
  [1_900, "0:01"],
  [724_000, "12:04"],
  [3_723_000, "1:02:03"],
])("%p ms on the clock are %p", (ms, expected) => {
  expect(formatClock(ms)).toBe(expected);
});

test("text is cut by columns, not by characters", () => {
  expect(cut("kind01.internal", 8)).toBe("kind01.…");
  expect(cut("kind01", 6)).toBe("kind01");
  expect(cut("日本語", 4)).toBe("日…");
  expect(cut("anything", 0)).toBe("");
});

test("a cut leaves escape codes balanced", () => {
  const text = cut(createStyle(true).bad("kind01.internal"), 8);
  expect(widthOf(text)).toBe(8);
  expect(text).toEndWith("\u001b[39m");
});

test("padding counts columns", () => {
  expect(padEnd("日", 4)).toBe("日  ");
  expect(padStart(createStyle(true).good("✔"), 3)).toBe("  \u001b[32m✔\u001b[39m");
});

test("the left gives way to the right", () => {
  expect(spread("left", "right", 12)).toBe("left   right");
  expect(spread("left and more", "right", 12)).toBe("left … right");
});

test("prose breaks at words, and a long word stays whole", () => {
  expect(wrap("one two three four five six", 20)).toEqual(["one two three four", "five six"]);
  expect(wrap("see clusters/.runs/2026-11-23T10-15-02 now", 20)).toContain("clusters/.runs/2026-11-23T10-15-02");
});

test("what programs print becomes one clean line", () => {
  expect(cleanLine("\u001b[1m10%\u001b[0m\r\u001b[1m100%\u001b[0m\tdone\u0007\r")).toBe("100% done ");
});

test("counts have the right number", () => {
  expect([formatCount(1, "cluster"), formatCount(0, "cluster")]).toEqual(["1 cluster", "0 clusters"]);
});
