import { ArmFault } from "#sandbox/azure/arm/kind.ts";

/** `roleName eq 'Reader'`, `assignedTo('UUID')` or `atScope()`. */
export interface Term {
  readonly field: string;
  /** Empty for a function without arguments. */
  readonly value: string;
}

/**
 * Reads the `$filter` of a list: terms joined by `and`; none for null.
 *
 * @param known fields and functions
 * @throws ArmFault for any other filter
 */
export function readTerms(filter: string | null, known: readonly string[]): readonly Term[] {
  if (filter === null) return [];
  return filter.split(/\s+and\s+/i).map((text) => {
    const [, named = "", quoted = ""] = /^\s*(\w+)\s+eq\s+'([^']*)'\s*$/i.exec(text) ?? [];
    const [, called = "", argument = ""] = /^\s*(\w+)\(\s*(?:'([^']*)')?\s*\)\s*$/i.exec(text) ?? [];
    const field = known.find((one) => one.toLowerCase() === (named || called).toLowerCase());
    if (field !== undefined) return { field, value: quoted || argument };
    throw new ArmFault(
      400,
      "UnsupportedQuery",
      `The filter '${filter}' is not supported. Supported are ${known.join(", ")}.`,
    );
  });
}
