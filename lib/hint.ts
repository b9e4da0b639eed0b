/** A task to run, as data. It is rendered for the runner in use (mise, bun or npx) when it is shown. */
export interface TaskCommand {
  /** e.g. `create:aws-mgmt:user` */
  readonly task: string;
  readonly args: readonly string[];
}

/** What to do next: text, with commands as data. */
export type Hint = string | readonly (string | TaskCommand)[];

export function command(task: string, ...args: readonly string[]): TaskCommand {
  return { task, args };
}
