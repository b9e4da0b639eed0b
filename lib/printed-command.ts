import { readEnvironment } from "#lib/environment.ts";
import type { Hint } from "#lib/hint.ts";
import { formatWord } from "#lib/shell-words.ts";
import { taskName } from "#lib/task-name.ts";

/** Tasks about the checkout or the sandbox itself. */
const withoutSandbox = /^(argocd:pin|generate|sandbox:.*|test:.*)$/;
const withoutFleet = /^(argocd:.*|generate|sandbox:(stop|reset)|test:.*)$/;

/**
 * A command that uses the runner of this process (mise, npx or bun), the same fleet and the same sandbox.
 *
 * @param task its name, e.g. `create:aws-mgmt:user`
 */
export function taskCommand(task: string, ...args: readonly string[]): string {
  return [commandOf(task), ...[...args, ...sharedOptions(task, process.argv.slice(2))].map(formatWord)].join(" ");
}

/** A hint as text. */
export function formatHint(hint: Hint): string {
  if (typeof hint === "string") return hint;
  return hint.map((part) => (typeof part === "string" ? part : taskCommand(part.task, ...part.args))).join("");
}

/** The command that started this process, without some of its options. */
export function repeatWithout(...options: readonly string[]): string {
  const args = process.argv.slice(2).filter((word) => !options.includes(word));
  return [commandOf(taskName()), ...args.map(formatWord)].join(" ");
}

/** Whether a text starts with a command of taskCommand(). */
export function isTaskCommand(text: string): boolean {
  return text.startsWith(commandOf("").replace(/\.ts$/, ""));
}

function commandOf(task: string): string {
  const { runner } = readEnvironment();
  if (runner === "mise") return `mise run ${task}`;
  const bun = runner === "npx" ? `npx --yes bun@${Bun.version}` : "bun";
  return `${bun} run tasks/${task.replaceAll(":", "/")}.ts`;
}

/** Options of this process that the other task also has and needs. */
function sharedOptions(task: string, argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word) => word === "--fleet" || word.startsWith("--fleet="));
  const [word = "", value = ""] = at === -1 ? [] : argv.slice(at);
  const file = word === "--fleet" ? value : word.slice("--fleet=".length);
  return [
    ...(argv.includes("--sandbox") && !withoutSandbox.test(task) ? ["--sandbox"] : []),
    ...(file === "" || withoutFleet.test(task) ? [] : ["--fleet", file]),
  ];
}
