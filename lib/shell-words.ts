/** Quotes a text for every POSIX shell. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Formats one word of a command for a shell, quoted only if necessary. zx's own quotes work only in bash. */
export function formatWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : quoteForShell(word);
}
