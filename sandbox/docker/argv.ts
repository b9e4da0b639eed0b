/** The fake does not know what it was asked for, and says so rather than guess. */
export class UnknownUsage extends Error {}

export type FlagKind = "boolean" | "string" | "list";

/** Long name to kind; short names point to long ones. */
export interface FlagSpecification {
  readonly flags: Readonly<Record<string, FlagKind>>;
  readonly short?: Readonly<Record<string, string>>;
}

export interface ParsedArguments {
  readonly positional: readonly string[];
  is(flag: string): boolean;
  /** True unless it was given as `--flag=false`. */
  isNot(flag: string): boolean;
  value(flag: string): string | undefined;
  values(flag: string): readonly string[];
}

/** `--flag`, `--flag=value`, `--flag value`, `-f`, `-abc`; flags and arguments in any order. */
export function parseArguments(argv: readonly string[], specification: FlagSpecification): ParsedArguments {
  const positional: string[] = [];
  const found = new Map<string, string[]>();
  const pending = [...argv];
  const take = (name: string, shown: string, inline: string | undefined) => {
    const kind = specification.flags[name];
    if (kind === undefined) throw new UnknownUsage(shown);
    const value = inline ?? (kind === "boolean" ? "true" : pending.shift());
    if (value === undefined) throw new UnknownUsage(`${shown} without a value`);
    if (kind === "boolean" && value !== "true" && value !== "false") throw new UnknownUsage(`${shown}=${value}`);
    found.set(name, kind === "list" ? [...(found.get(name) ?? []), value] : [value]);
  };
  for (let argument = pending.shift(); argument !== undefined; argument = pending.shift()) {
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
    if (long !== null) take(long[1] ?? "", `--${long[1]}`, long[2]);
    else if (/^-[a-zA-Z]/.test(argument)) {
      const letters = [...argument.slice(1)];
      for (let letter = letters.shift(); letter !== undefined; letter = letters.shift()) {
        const name = specification.short?.[letter];
        if (name === undefined) throw new UnknownUsage(`-${letter}`);
        const rest =
          specification.flags[name] === "boolean" || letters.length === 0 ? undefined : letters.splice(0).join("");
        take(name, `-${letter}`, rest);
      }
    } else positional.push(argument);
  }
  return {
    positional,
    is: (flag) => found.get(flag)?.at(-1) === "true",
    isNot: (flag) => found.get(flag)?.at(-1) === "false",
    value: (flag) => found.get(flag)?.at(-1),
    values: (flag) => found.get(flag) ?? [],
  };
}

/** The pairs of repeated `key=value`. */
export function parsePairs(values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const at = value.indexOf("=");
      return at < 0 ? [value, ""] : [value.slice(0, at), value.slice(at + 1)];
    }),
  );
}
