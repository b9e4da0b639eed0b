import { closest, distance } from "fastest-levenshtein";

/** Long lists are cut: the nearest name is what helps. */
const listedNames = 20;

/** `did you mean aws-02? there are: …` for a name that isn't known. */
export function suggest(given: string, known: readonly string[]): string {
  if (known.length === 0) return "there is none to choose";
  const near = closest(given, known);
  // More than a third of the letters wrong is another word, not a slip.
  const close = distance(given, near) <= Math.max(2, Math.floor(given.length / 3));
  const rest = known.length > listedNames ? ", …" : "";
  return `${close ? `did you mean ${near}? ` : ""}there are: ${known.slice(0, listedNames).join(", ")}${rest}`;
}
