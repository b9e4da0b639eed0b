import { describe, expect, test } from "bun:test";
import { confirm } from "#lib/cli/confirm.ts";
import { readEnvironment } from "#lib/environment.ts";
import { failureOf } from "#tests/support/failure.ts";

describe("a delete", () => {
  test("goes on without a question when it was permitted before", async () => {
    await confirm({ question: "delete all", yes: true, interactive: false });
  });

  test("is refused where nobody can be asked", async () => {
    const error = await failureOf(confirm({ question: "delete all", yes: false, interactive: false }));
    expect([error.code, error.message]).toEqual([
      "ConfirmationNeeded",
      "delete all: confirmation required in a non-interactive shell",
    ]);
    expect(error.hint).toContain("--yes");
  });

  test.each([
    [{ MISE_YES: "1" }, true],
    [{ MISE_YES: "true" }, true],
    [{ MISE_YES: "0" }, false],
    [{}, false],
  ])("is permitted by mise's own variable %p: %p", (variables, yes) => {
    expect(readEnvironment(variables).yes).toBe(yes);
  });
});
