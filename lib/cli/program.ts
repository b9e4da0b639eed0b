import { type CommandSpec, formatHelp, option, type Parsed, parseOptions, readDescription } from "#lib/cli/options.ts";
import { readEnvironment } from "#lib/environment.ts";
import { reportError } from "#lib/error-report.ts";
import { exitCodeOf } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import { checkInstallation } from "#lib/installation.ts";
import { keepSecretsOf } from "#lib/secrets.ts";
import { printable, printableJson } from "#lib/view/printable.ts";
import { redact, redactDeep } from "#lib/view/redact.ts";

/** The only output of a program, instead of the console. Prints printable text without secrets. */
export interface Terminal {
  /** Width of the screen; undefined where the output goes to a file or another program. */
  readonly columns: number | undefined;
  out(text: string): void;
  error(text: string): void;
  /** One line of JSON. */
  json(value: unknown, indent?: number): void;
  /** Prints text that may contain a secret, because the user requested it. */
  verbatim(text: string): void;
}

export const terminal: Terminal = {
  get columns() {
    return process.stdout.columns || undefined;
  },
  out: (text) => write(process.stdout, redact(text)),
  error: (text) => write(process.stderr, redact(text)),
  json: (value, indent) => write(process.stdout, printableJson(redactDeep(value), indent)),
  verbatim: (text) => write(process.stdout, text),
};

function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(printable(text));
}

/** Prints constant text only. Must run on old versions of Bun. */
const plainTerminal: Terminal = {
  columns: undefined,
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  json: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
  verbatim: (text) => void process.stdout.write(text),
};

/** `| head` closes the pipe early. The run continues to its end without output. */
function outliveClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (!isErrno(error, "EPIPE")) throw error;
    });
  }
}

/**
 * Runs a task's main function: parses its options, handles `--help`, converts errors to a line and an exit code. Only this
 * function sets the exit code.
 *
 * @param main returns the exit code
 */
export async function runProgram(spec: CommandSpec, main: (parsed: Parsed) => Promise<number>): Promise<void> {
  const argv = process.argv.slice(2);
  outliveClosedPipes();
  const isHelp = argv.includes("--help") || argv.includes("-h");
  try {
    if (!isHelp) checkInstallation();
  } catch (error) {
    process.exitCode = reportAndJudge(error, argv, plainTerminal);
    return;
  }
  const { variables, sandboxFolder } = readEnvironment();
  keepSecretsOf(variables);
  try {
    const parsed = parseOptions(spec, argv);
    if (parsed.flags.has("help")) {
      terminal.out(formatHelp(spec, await readDescription()));
      return;
    }
    if (sandboxFolder !== undefined && !parsed.flags.has("json") && !parsed.flags.has("sandbox")) {
      terminal.error(`sandbox: its variables are set (K8S_SANDBOX_STATE=${sandboxFolder})\n`);
    }
    process.exitCode = await main(parsed);
  } catch (error) {
    process.exitCode = reportAndJudge(error, argv, terminal);
  }
}

/** Text from outside may imitate our own lines: only ours start in column one. */
function indentRest(text: string): string {
  return text.replaceAll("\n", "\n  ");
}

/** Prints an error that ended a program before it started anything, and returns its exit code. */
export function reportAndJudge(error: unknown, argv: readonly string[], to: Terminal): number {
  const report = reportError(error, { verbose: argv.includes("--verbose") });
  if (argv.includes("--json")) to.json({ kind: "error", at: new Date().toISOString(), error: report });
  const details = (report.details ?? []).filter((detail) => !detail.startsWith(report.message));
  to.error(
    [
      `${indentRest(report.message)} (${report.code})`,
      ...details.map((detail) => `  ${indentRest(detail)}`),
      ...(report.hint === undefined ? [] : [`hint: ${indentRest(report.hint)}`]),
      ...(report.stack === undefined ? [] : [report.stack]),
      "",
    ].join("\n"),
  );
  // With --detailed-exitcode, 2 means "there are changes".
  if (argv.includes(`--${option.detailedExitcode.name}`)) return 1;
  return exitCodeOf(report.code);
}
