import { closest, distance } from "fastest-levenshtein";

/** Long lists are cut: the nearest name is what helps. */
const listedNames = 20;

/** The name that `given` was probably meant to be; undefined when none is near. */
export function tryNearest(given: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  // `kind01` is `kind01.internal` cut short, however much is missing.
  const [whole, ...others] = given.length < 3 ? [] : known.filter((name) => name.startsWith(given));
  if (whole !== undefined && others.length === 0) return whole;
  const best = closest(given, known);
  // More than half of the letters wrong is another word, not a slip.
  return distance(given, best) <= Math.max(2, Math.floor(best.length / 2)) ? best : undefined;
}

/** `did you mean "aws-03"? ` or nothing, to begin a hint with. */
export function formatGuess(given: string, known: readonly string[]): string {
  const guess = tryNearest(given, known);
  return guess === undefined ? "" : `did you mean "${guess}"? `;
}

/** A whole hint for a name that isn't known: the nearest one, and what there is. */
export function suggest(given: string, known: readonly string[]): string {
  if (known.length === 0) return "there is none to choose";
  const rest = known.length > listedNames ? ", …" : "";
  return `${formatGuess(given, known)}there are: ${known.slice(0, listedNames).join(", ")}${rest}`;
}
