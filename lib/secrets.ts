/**
 * Secret values, to be redacted. One set for the whole process, because an output without the list would leak
 * them.
 */
const known = new Set<string>();

/** Shorter values would mask ordinary words. */
const shortest = 8;

/** Redacts these values in all later output, as they are and in the encodings of URLs, JSON and Kubernetes. */
export function keepSecret(...values: readonly (string | undefined)[]): void {
  for (const value of values) {
    const secret = value?.trim() ?? "";
    if (secret.length < shortest) continue;
    const base64 = Buffer.from(secret).toString("base64");
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64])
      known.add(form);
  }
}

const secretName = /(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PRIVATE_KEY|ACCESS_KEY|API_KEY)(?:_\d+)?$/i;

/** Redacts the values of variables whose names indicate a secret. */
export function keepSecretsOf(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) if (secretName.test(name)) keepSecret(value);
}

/** The text with all secret values redacted. */
export function maskKnown(text: string, mask: string): string {
  let masked = text;
  for (const secret of known) if (masked.includes(secret)) masked = masked.replaceAll(secret, mask);
  return masked;
}
