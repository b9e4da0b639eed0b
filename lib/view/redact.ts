import type { FleetEvent } from "#lib/events.ts";

const mask = "<redacted>";

/**
 * What must never be written down, and what replaces it. The name in front stays, so that a reader sees what was there.
 * Formats: kubeconfig (YAML and JSON), HTTP headers, k3s' environment and k3d's label, AWS credentials, JWTs, PEM and
 * PEM in base64 (`LS0tLS1CRUdJTi` is `-----BEGIN`).
 */
const rules: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/g, `-----BEGIN $1-----${mask}-----END $1-----`],
  [/-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(?!<redacted>)[\s\S]*$/g, `-----BEGIN $1-----${mask}`],
  [/(client-(?:key|certificate)-data["']?\s*[:=]\s*["']?)[^\s"',}]+/gi, `$1${mask}`],
  [/(K3S_(?:AGENT_)?TOKEN["']?\s*[:=]\s*["']?)[^\s"',}\]]+/gi, `$1${mask}`],
  [/(k3d\.cluster\.token["']?\s*[:=]\s*["']?)[^\s"',}\]]+/gi, `$1${mask}`],
  [/\b(Bearer\s+)[A-Za-z0-9._~+/=-]+/gi, `$1${mask}`],
  [/\b(Basic\s+)[A-Za-z0-9+/]{8,}={0,2}/g, `$1${mask}`],
  [/((?:^|[^A-Za-z0-9])(?:[a-z]+[-_])*token["']?\s*[:=]\s*["']?)(?!<redacted>)[^\s"',}\]]+/gi, `$1${mask}`],
  [/(--(?:token|password)\s+)\S+/gi, `$1${mask}`],
  [/((?:aws_?)?(?:secret_?access_?key|session_?token)["']?\s*[:=]\s*["']?)(?!<redacted>)[^\s"',}\]]+/gi, `$1${mask}`],
  [/(password["']?\s*[:=]\s*["']?)[^\s"',}\]]+/gi, `$1${mask}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, mask],
  [/\bK10[0-9a-f]{32,}::\S+/g, mask],
  [/\bLS0tLS1CRUdJTi[A-Za-z0-9+/=]*/g, mask],
];

/** Every secret that the rules know has one of these; most texts have none and are done with one look. */
const suspicious = /token|key|certificate|secret|password|bearer|basic|eyJ|K10|LS0t/i;

/** Masks secrets in a text that may have several lines. */
export function redact(text: string): string {
  if (!suspicious.test(text)) return text;
  return rules.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text);
}

const keyBegins = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;
const keyEnds = /-----END [A-Z0-9 ]*PRIVATE KEY-----/;

/** Masks secrets in events. Remembers, per resource, a private key that a program prints line by line. */
export function createRedactor(): (event: FleetEvent) => FleetEvent {
  const insideKey = new Set<string>();
  return (event) => {
    // only strings change, so that an event stays the event it was
    if (event.kind !== "output") return redactStrings(event) as FleetEvent;
    if (insideKey.has(event.id)) {
      if (keyEnds.test(event.line)) insideKey.delete(event.id);
      return { ...event, line: mask };
    }
    if (keyBegins.test(event.line) && !keyEnds.test(event.line)) insideKey.add(event.id);
    return { ...event, line: redact(event.line) };
  };
}

function redactStrings(value: unknown): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return isLines(value) ? redactLines(value) : value.map(redactStrings);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactStrings(item)]));
}

function isLines(values: readonly unknown[]): values is string[] {
  return values.every((item) => typeof item === "string");
}

/** A key may be spread over the lines of an error's details. */
function redactLines(lines: readonly string[]): readonly string[] {
  return lines.some((line) => keyBegins.test(line)) ? redact(lines.join("\n")).split("\n") : lines.map(redact);
}
