import { describe, expect, test } from "bun:test";
import { createStyle } from "#lib/view/format.ts";
import { printable, printableJson } from "#lib/view/printable.ts";

describe("printable text", () => {
  test.each([
    ["clears no screen", "a\u001b[2J\u001b[Hb", "ab"],
    ["sets no title", "a\u001b]0;title\u0007b", "ab"],
    ["makes no link", "\u001b]8;;https://evil.example\u0007text\u001b]8;;\u0007", "text"],
    ["answers no question of the terminal", "a\u001b[6nb", "ab"],
    ["has no escape codes of eight bits", "a\u009b2Jb", "ab"],
    ["has no half of an escape code", "a\u001b", "a"],
    ["rings no bell and goes nowhere back", "a\u0007\u0008b\rc", "a b c"],
    ["is written in one direction", "user\u202egnp.exe\u2066x", "usergnp.exex"],
    ["keeps lines, tabs and letters of all languages", "ä\t漢\r\n✔ b\n", "ä\t漢\n✔ b\n"],
    ["gives GitHub no command", "::error::x\n  ::set-output name=a::b", "\\::error::x\n  \\::set-output name=a::b"],
    ["gives GitHub no command of the old form", "12:00 demo ##[add-path]/tmp", "12:00 demo ##\\[add-path]/tmp"],
    [
      "gives others no command",
      "x ##vso[task.setvariable]y ##teamcity[z]",
      "x ##\\vso[task.setvariable]y ##\\teamcity[z]",
    ],
    ["keeps colons and hashes elsewhere", "fd00::1 a::b ## [c] #[d]", "fd00::1 a::b ## [c] #[d]"],
  ])("%s", (_fact, text, expected) => {
    expect(printable(text)).toBe(expected);
    expect(printable(expected)).toBe(expected);
  });

  test("keeps our own colours", () => {
    const style = createStyle(true);
    const text = [style.good("a"), style.bad("b"), style.warn("c"), style.dim("d"), style.strong("e")].join(" ");
    expect(printable(text)).toBe(text);
  });

  test("can't be put together from parts around our own codes", () => {
    expect(printable("\u001b\u001b[1m]0;title\u0007")).toBe("\u001b[1m]0;title ");
  });
});

test("printable JSON parses to the same value, and is printable", () => {
  const value = {
    a: "\u001b[2J\u009b1m\u007f",
    b: "::error::\n::x",
    c: "##[add-path]x ##vso[y]",
    d: "\u202ex",
    e: "漢",
  };
  for (const text of [printableJson(value), printableJson(value, 2)]) {
    expect(JSON.parse(text)).toEqual(value);
    expect(printable(text)).toBe(text);
  }
});
