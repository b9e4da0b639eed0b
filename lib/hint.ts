/** A task to run, as data: it is rendered for the runner in use (mise, bun or npx) when it is shown. */
export interface TaskCommand {
  /** e.g. `create:aws-mgmt:user` */
  readonly task: string;
  readonly args: readonly string[];
}

/** What to do next: text, with the commands in it as data. */
export type Hint = string | readonly (string | TaskCommand)[];

export function command(task: string, ...args: readonly string[]): TaskCommand {
  return { task, args };
}
