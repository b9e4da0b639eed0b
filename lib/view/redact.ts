import type { FleetEvent } from "#lib/graph/events.ts";
import { maskKnown } from "#lib/secrets.ts";
import { stripControls } from "#lib/view/printable.ts";

const mask = "<redacted>";

/** Names whose value is secret, in kubeconfigs, environments, JSON, YAML and XML of clouds and of Docker. */
const names = [
  "client-(?:key|certificate)-data",
  "K3S_(?:AGENT_)?TOKEN",
  "k3d\\.cluster\\.token",
  "(?<![A-Za-z0-9])(?:[a-z]+[-_])*token",
  "(?:session|security|identity|registry)-?_?token",
  "secret_?-?access_?-?key",
  "client_?-?secret",
  "(?:api|account)_?-?key",
  "passw(?:or)?d",
  "passphrase",
  `(?<=["'])auth`,
].join("|");
/** Quoted, also inside a JSON string, or up to the end of a bare word. */
const value = [
  `"(?:[^"\\\\]|\\\\.)*(?:"|$)`,
  `\\\\+"[\\s\\S]*?(?:\\\\+"|$)`,
  `'[^']*(?:'|$)`,
  `(?!${mask})(?:[^\\s"'\\\\,;&}\\]<]|<(?!/))+`,
].join("|");

type Replacement = string | ((...matched: readonly string[]) => string);

/** Keeps the quotes, so that JSON still parses. */
const maskValue = (_all: string, head = "", found = ""): string => {
  const quote = /^(?:\\*"|')/.exec(found)?.[0] ?? "";
  return `${head}${quote}${mask}${quote}`;
};

/**
 * Patterns of secrets and their replacements. The name before a secret is kept, so that a reader knows what was removed.
 * `LS0tLS1CRUdJTi` is `-----BEGIN` in base64.
 */
const rules: readonly (readonly [RegExp, Replacement])[] = [
  [/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/g, `-----BEGIN $1-----${mask}-----END $1-----`],
  [/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(?!<redacted>)[\s\S]*$/g, `-----BEGIN $1-----${mask}`],
  [new RegExp(`((?:${names})(?:\\\\*["'])?\\s*[:=]\\s*)(${value})`, "gi"), maskValue],
  [new RegExp(`(<(?:${names})>)[^<]+`, "gi"), `$1${mask}`],
  [/(--(?:token|password|client-secret)[\s=]+)(?!<redacted>)\S+/gi, `$1${mask}`],
  // A non-secret user name has a password next to it, or the protocol is ssh.
  [/\b((?!ssh:)[a-z][a-z0-9+.-]*:\/\/)(?!<redacted>)[^\s/?#"'<>]+@/gi, `$1${mask}@`],
  [/\b(ssh:\/\/[^\s/?#"'<>:]*:)(?!<redacted>)[^\s/?#"'<>]+@/gi, `$1${mask}@`],
  [/\b(Bearer\s+)[A-Za-z0-9._~+/=-]+/gi, `$1${mask}`],
  [/\b(Basic\s+)[A-Za-z0-9+/]{8,}={0,2}/gi, `$1${mask}`],
  [/\b((?:X-Amz-)?Signature["']?[=:]\s*["']?)(?!<redacted>)[A-Za-z0-9%+/=_-]{16,}/gi, `$1${mask}`],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abp]-)[A-Za-z0-9_-]{10,}/g, mask],
  [/\bk8s-aws-v1\.[A-Za-z0-9_=-]+/g, mask],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, mask],
  [/\bK10[0-9a-f]{32,}::\S+/g, mask],
  [/\bLS0tLS1CRUdJTi[A-Za-z0-9+/=]*/g, mask],
];

/** Every rule's secret contains one of these; most texts contain none and need only this test. */
const suspicious =
  /token|key|certificate|secret|passw|passphrase|auth|bearer|basic|signature|:\/\/|gh[pousr]_|github_pat|glpat|xox|k8s-aws|eyJ|K10|LS0t/i;

/** Redacts secrets in a multi-line text. */
export function redact(text: string): string {
  const masked = maskKnown(text, mask);
  if (!suspicious.test(masked)) return masked;
  return rules.reduce((left, [pattern, by]) => left.replace(pattern, by as string), masked);
}

const keyBegins = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;
const keyEnds = /-----END [A-Z0-9 ]*PRIVATE KEY-----/;

/** Redacts secrets in events. Keeps state per resource for a private key that a program prints line by line. */
export function createRedactor(): (event: FleetEvent) => FleetEvent {
  const insideKey = new Set<string>();
  return (event) => {
    // only strings change, so the event keeps its type
    if (event.kind !== "output") return redactDeep(event) as FleetEvent;
    if (insideKey.has(event.id)) {
      if (keyEnds.test(event.line)) insideKey.delete(event.id);
      return { ...event, line: mask };
    }
    if (keyBegins.test(event.line) && !keyEnds.test(event.line)) insideKey.add(event.id);
    return { ...event, line: redact(event.line) };
  };
}

/** The same value with secrets redacted and control characters removed, in all strings. */
export function redactDeep(value: unknown): unknown {
  if (typeof value === "string") return redact(stripControls(value));
  if (Array.isArray(value)) return isLines(value) ? redactLines(value) : value.map(redactDeep);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactDeep(item)]));
}

function isLines(values: readonly unknown[]): values is string[] {
  return values.every((item) => typeof item === "string");
}

/** A key may span several lines of an error's details. */
function redactLines(lines: readonly string[]): readonly string[] {
  return lines.some((line) => keyBegins.test(line))
    ? redact(lines.join("\n")).split("\n")
    : lines.map((line) => redact(stripControls(line)));
}
