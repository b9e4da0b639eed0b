import { readClaims } from "#lib/azure/credentials/claims.ts";
import { type ErrorCode, FleetError } from "#lib/errors.ts";
import { command, type Hint } from "#lib/hint.ts";

/** Whose sign-in Entra refused, for the message. */
export interface SignInAttempt {
  /** Name in the fleet; starts the message. */
  readonly account: string;
  readonly tenantId: string;
  /** Empty for az and for the only managed identity of a machine. */
  readonly clientId: string;
  /** The tenant of AZURE_TENANT_ID, where the application is registered. Empty if it isn't set. */
  readonly homeTenantId: string;
  /** Subjects that the fleet names, if a job of GitHub signs in. */
  readonly trusted?: readonly string[] | undefined;
  /** The token that stands for the password: Entra often quotes one of its claims only. */
  readonly assertion?: string | undefined;
}

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: Hint;
}

/** The number of Entra's error, in a text of Entra, of a library or of az. */
function aadstsOf(text: string): string | undefined {
  return /AADSTS(\d+)/.exec(text)?.[1];
}

/** Whether Entra has no federated credential for the token. One that was written takes a minute or two to be known. */
export function isUnknownAssertion(text: string): boolean {
  return /AADSTS70021\d{0,2}\b/.test(text);
}

/** Undefined if the text is no error of Entra. Texts: https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
export function explainRefusal(text: string, attempt: SignInAttempt): FleetError | undefined {
  const number = aadstsOf(text);
  if (number === undefined) return undefined;
  const { code, message, hint } = describe(number, text, attempt);
  const [first = ""] = text.slice(text.indexOf("AADSTS")).split(/\s(?=Trace ID:)|\r?\n/, 1);
  return new FleetError(code, `${attempt.account}: Entra refuses the sign-in: ${message}`, { hint, details: [first] });
}

function describe(number: string, text: string, attempt: SignInAttempt): Refusal {
  const { tenantId, clientId, homeTenantId } = attempt;
  const refused = { code: "SignInRefused" as const };
  if (isUnknownAssertion(text)) {
    return {
      ...refused,
      message: `no federated credential of ${clientId} has ${describeAssertion(text, attempt)}`,
      hint: hintForAssertion(text, attempt),
    };
  }
  switch (number) {
    case "700016":
    case "7000229":
      return {
        ...refused,
        message: `the tenant ${tenantId} does not know the client ${clientId}`,
        hint:
          homeTenantId !== "" && homeTenantId.toLowerCase() !== tenantId.toLowerCase()
            ? `it is registered in ${homeTenantId}. Managed identities act in their own tenant alone; a multi-tenant application needs a service principal in each: az ad sp create --id ${clientId || "CLIENT_ID"}`
            : "correct AZURE_CLIENT_ID: a managed identity that was created again has another one",
      };
    case "700024":
      return {
        code: "SessionExpired",
        message: "the client assertion (the token that stands for the password) has expired",
        hint: "run it again; if it fails again, check this computer's clock and who renews the token's file",
      };
    case "700027":
      return {
        ...refused,
        message: "the certificate does not match the application's",
        hint: "correct AZURE_CLIENT_CERTIFICATE_PATH",
      };
    case "7000215":
    case "7000222":
      return {
        ...refused,
        message: number === "7000215" ? "the client secret is wrong" : "the client secret has expired",
        hint: `set AZURE_CLIENT_SECRET to a valid secret of ${clientId}: az ad app credential reset --id ${clientId} makes a new one`,
      };
    case "90002":
    case "900023":
      return {
        code: "WrongAccount",
        message: `there is no tenant ${tenantId}`,
        hint: "correct tenantId in clusters/azure.ts: az account show shows it",
      };
    case "50020":
    case "50034":
      return {
        code: "WrongAccount",
        message: `the user does not exist in the tenant ${tenantId}`,
        hint: "sign in with a user of that tenant, or have this one invited as a guest",
      };
    default:
      return { ...refused, message: `AADSTS${number}`, hint: `sign in again: az login --tenant ${tenantId}` };
  }
}

const parts = { iss: "issuer", sub: "subject", aud: "audience" } as const;

function hintForAssertion(text: string, attempt: SignInAttempt): Hint {
  const { trusted } = attempt;
  if (trusted === undefined)
    return "issuer, subject and audience of a credential must be equal to the token's, to the letter";
  const { sub: subject = "" } = claimsOf(text, attempt);
  if (trusted.includes(subject)) {
    return [
      "the fleet names this subject: its credential is missing, or has another issuer or audience. Run ",
      command("create:azure-mgmt"),
    ];
  }
  return [
    `the fleet names only ${trusted.join(", ") || "no subject"}: correct github in the fleet, then run `,
    command("create:azure-mgmt"),
  ];
}

/** `issuer …, subject …, audience …` of the token. */
function describeAssertion(text: string, attempt: SignInAttempt): string {
  const claims = claimsOf(text, attempt);
  const known = Object.entries(parts).flatMap(([claim, part]) => {
    const value = claims[claim as keyof typeof parts];
    return value === undefined ? [] : [`${part} ${value}`];
  });
  return known.join(", ") || "the claims of this token";
}

/** Of the token, or as Entra quotes them. */
function claimsOf(text: string, { assertion }: SignInAttempt): Partial<Record<keyof typeof parts, string>> {
  const claims = assertion === undefined ? {} : readClaims(assertion);
  const found = Object.entries(parts).flatMap(([claim, part]) => {
    const own = claims[claim];
    const quoted = new RegExp(`assertion ${part}:? ?'([^']*)'`, "i").exec(text)?.[1];
    const value = typeof own === "string" ? own : quoted;
    return value === undefined ? [] : [[claim, value]];
  });
  return Object.fromEntries(found) as ReturnType<typeof claimsOf>;
}
