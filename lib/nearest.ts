import { closest, distance } from "fastest-levenshtein";

/** Long lists are truncated: the nearest name is the useful part. */
const listedNames = 20;

/** The known name nearest to `given`; undefined if none is near. */
export function tryNearest(given: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  // `kind01` is an abbreviation of `kind01.internal`, however much is missing.
  const [whole, ...others] = given.length < 3 ? [] : known.filter((name) => name.startsWith(given));
  if (whole !== undefined && others.length === 0) return whole;
  const best = closest(given, known);
  // With more than half of the letters wrong it is another word, not a typo.
  return distance(given, best) <= Math.max(2, Math.floor(best.length / 2)) ? best : undefined;
}

/** `did you mean "aws-03"? ` or an empty string, as the start of a hint. */
export function formatGuess(given: string, known: readonly string[]): string {
  const guess = tryNearest(given, known);
  return guess === undefined ? "" : `did you mean "${guess}"? `;
}

/** A hint for an unknown name: the nearest name, and the list of known names. */
export function suggest(given: string, known: readonly string[]): string {
  if (known.length === 0) return "there is none to choose";
  const rest = known.length > listedNames ? ", …" : "";
  return `${formatGuess(given, known)}there are: ${known.slice(0, listedNames).join(", ")}${rest}`;
}
