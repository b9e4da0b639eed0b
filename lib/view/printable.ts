/** The escape codes of `createStyle`: the only ones that are printed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes begin with one
const style = /(\u001b\[(?:1|2|22|31|32|33|39)m)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]+/g;
/** Characters that disguise text: direction marks, unusual line separators. */
const disguises = /[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Printable text from any source: no terminal control, no CI commands. GitHub treats a line that begins
 * with `::` after white space, and `##[` anywhere, as a command (actions/runner, ActionCommand.cs); others have `##vso[` and
 * `##teamcity[`. They always get a backslash: a program in a container can't know that its output ends in a CI log.
 */
export function printable(text: string): string {
  const parts = text.replaceAll("\r\n", "\n").split(style);
  // Split by our own codes: every second part is one.
  const clean = parts.map((part, index) => (index % 2 === 1 ? part : stripControls(part))).join("");
  return clean.replace(/^([^\S\n]*)::/gm, "$1\\::").replace(/##(?=\w*\[)/g, "##\\");
}

/** The text without control characters except tabs and line ends. */
export function stripControls(text: string): string {
  return Bun.stripANSI(text).replace(controls, " ").replace(disguises, "");
}

/** One line of JSON that is printable as it is, and parses to the same value. */
export function printableJson(value: unknown, indent?: number): string {
  const escapeCharacter = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const text = JSON.stringify(value, undefined, indent)
    .replace(/[\u007f-\u009f]/g, escapeCharacter)
    .replace(disguises, escapeCharacter);
  return `${text.replace(/##(?=\w*\[)/g, "#\\u0023")}\n`;
}
