/**
 * Values that are known to be secret. What is secret is so for the whole process, and an output that was not given the list would leak
 * it: that is why this is one set for all.
 */
const known = new Set<string>();

/** Shorter ones would mask ordinary words. */
const shortest = 8;

/** Has these values masked in every output from now on, as they are and as URLs, JSON and Kubernetes encode them. */
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

/** Keeps the values of variables whose names say that they are secret. */
export function keepSecretsOf(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) if (secretName.test(name)) keepSecret(value);
}

/** The text without any value that is known to be secret. */
export function maskKnown(text: string, mask: string): string {
  let masked = text;
  for (const secret of known) if (masked.includes(secret)) masked = masked.replaceAll(secret, mask);
  return masked;
}
