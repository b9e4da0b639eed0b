import { describe, expect, test } from "bun:test";
import { clusterArgument, formatHelp, option, parseCount, parseOptions } from "#lib/cli/options.ts";
import { FleetError } from "#lib/errors.ts";

const spec = { options: [option.json, option.dryRun, option.jobs, option.account], argument: clusterArgument };

function refusalOf(work: () => unknown): FleetError {
  try {
    work();
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("options", () => {
  test("are read in any order among the names", () => {
    const parsed = parseOptions(spec, [
      "kind01.internal",
      "--json",
      "--jobs",
      "3",
      "--account=a",
      "--account",
      "b",
      "x",
    ]);
    expect([...parsed.flags]).toEqual(["json"]);
    expect(Object.fromEntries(parsed.values)).toEqual({ jobs: ["3"], account: ["a", "b"] });
    expect(parsed.positionals).toEqual(["kind01.internal", "x"]);
  });

  test("end at --", () => {
    expect(parseOptions(spec, ["--json", "--", "--jobs"])).toMatchObject({ positionals: ["--jobs"] });
  });

  test.each([
    [["--jso"], "did you mean --json? all options: --help"],
    [["--dry"], "did you mean --dry-run? all options: --help"],
    [["--nothing-like-it"], "there are: --json, --dry-run, --jobs, --account, --help"],
    [["-j"], "there are: --json, --dry-run, --jobs, --account, --help"],
  ])("%p is unknown, and the nearest is offered", (argv, hint) => {
    const error = refusalOf(() => parseOptions(spec, argv));
    expect([error.code, error.message, error.hint]).toEqual(["UnknownFlag", `unknown option ${argv[0]}`, hint]);
  });

  test("of -h are those of --help", () => {
    expect([...parseOptions(spec, ["-h"]).flags]).toEqual(["help"]);
  });

  test.each([
    [["--jobs"], "--jobs needs a count"],
    [["--jobs="], "--jobs needs a count"],
    [["--json=yes"], '--json takes no value, got "yes"'],
    [["--jobs", "1", "--jobs", "2"], "--jobs is given twice"],
  ])("%p is refused", (argv, message) => {
    const error = refusalOf(() => parseOptions(spec, argv));
    expect([error.code, error.message]).toEqual(["InvalidArgument", message]);
  });

  test("of a task for one cluster come without names", () => {
    const error = refusalOf(() => parseOptions({ options: [option.json] }, ["kind01.internal"]));
    expect(error.message).toBe('unexpected argument "kind01.internal"');
  });
});

test.each(["0", "-1", "1.5", "1e3", "ten", "10000", ""])("%p is no number of jobs", (text) => {
  expect(refusalOf(() => parseCount("jobs", text)).code).toBe("InvalidArgument");
});

test("a number of jobs is read", () => {
  expect([parseCount("jobs", "1"), parseCount("jobs", "9999")]).toEqual([1, 9999]);
});

test("the help names every option, and both ways to run the task", () => {
  const help = formatHelp(spec, "Do it", "create-all");
  for (const part of [
    "Do it",
    "mise run create-all [options] [cluster…]",
    "bun run tasks/create-all.ts",
    "--jobs <count>",
    "--help",
  ])
    expect(help).toContain(part);
});
