import { FleetError } from "#lib/errors.ts";
import { type Argument, type Exec, type ExecOptions, type ExecResult, toExec } from "#lib/exec.ts";

export type FakeResult = Omit<ExecResult, "command">;
export type FakeProgram = (
  program: string,
  args: readonly string[],
  options: ExecOptions,
) => Promise<FakeResult> | FakeResult;

/** An Exec whose commands a function answers; it gets them as the program would. */
export function fakeExec(answer: FakeProgram): Exec {
  return toExec(async (options, pieces, values) => {
    const [program = "", ...args] = wordsOf(pieces, values);
    const result = { ...(await answer(program, args, options)), command: [program, ...args].join(" ") };
    if (result.exitCode === 0 || options.nothrow) return result;
    throw new FleetError("ProgramFailed", `${program} failed`, { details: result.stderr.split("\n") });
  });
}

function wordsOf(pieces: TemplateStringsArray, values: readonly Argument[]): readonly string[] {
  const literals = pieces.map((piece) => piece.replaceAll(/ +/g, "\0"));
  const text = literals.map((literal, index) => literal + [values[index] ?? []].flat().join("\0")).join("");
  return text.split("\0").filter((word) => word !== "");
}
