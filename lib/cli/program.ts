import { type CommandSpec, formatHelp, type Parsed, parseOptions, readDescription } from "#lib/cli/options.ts";
import { type ErrorCode, errorCodes, reportError } from "#lib/errors.ts";

/** What a program prints through, so that nothing else needs the console. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
}

export const terminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
};

/**
 * Runs a task's main: parses its options, answers `--help`, turns errors into a line and an exit code. The one place that
 * sets the exit code.
 *
 * @param main returns the exit code
 */
export async function runProgram(spec: CommandSpec, main: (parsed: Parsed) => Promise<number>): Promise<void> {
  const argv = process.argv.slice(2);
  try {
    const parsed = parseOptions(spec, argv);
    if (parsed.flags.has("help")) {
      terminal.out(formatHelp(spec, await readDescription()));
      return;
    }
    process.exitCode = await main(parsed);
  } catch (error) {
    process.exitCode = reportAndJudge(error, argv, terminal);
  }
}

/** Prints an error that ended a program before it did anything, and gives its exit code. */
export function reportAndJudge(error: unknown, argv: readonly string[], to: Terminal): number {
  const report = reportError(error, { verbose: argv.includes("--verbose") });
  if (argv.includes("--json"))
    to.out(`${JSON.stringify({ kind: "error", at: new Date().toISOString(), error: report })}\n`);
  const details = (report.details ?? []).filter((detail) => !detail.startsWith(report.message));
  to.error(
    [
      `${report.message} (${report.code})`,
      ...details.map((detail) => `  ${detail}`),
      ...(report.hint === undefined ? [] : [`hint: ${report.hint}`]),
      ...(report.stack === undefined ? [] : [report.stack]),
      "",
    ].join("\n"),
  );
  return errorCodes[report.code as ErrorCode] ?? 1;
}
