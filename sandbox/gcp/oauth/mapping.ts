import type { JWTPayload } from "jose";
import { type Json, OAuthFault } from "#sandbox/gcp/api/behaviour.ts";
import { CelError, type CelValue, type Context, parseCel } from "#sandbox/gcp/oauth/cel.ts";
import { stringAt, stringsAt } from "#sandbox/json.ts";

/** What a provider makes of a token. */
export interface Mapped {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

const maxSubjectBytes = 127;

/**
 * Applies a provider's mapping to a token, then its condition.
 *
 * @param provider a checked one
 * @throws OAuthFault
 */
export function mapClaims(provider: Json, claims: JWTPayload): Mapped {
  const google: Record<string, CelValue> = {};
  const attributes: Record<string, string> = {};
  for (const [target, expression] of Object.entries(stringsAt(provider, "attributeMapping"))) {
    const value = mapClaim(target, expression, { assertion: claims });
    const [kind, name = ""] = target.split(".");
    if (kind === "google") google[name] = value;
    else attributes[name] = textOf(target, value);
  }
  const subject = textOf("google.subject", google.subject);
  if (Buffer.byteLength(subject) > maxSubjectBytes) {
    throw new OAuthFault(
      400,
      "invalid_request",
      `The size of mapped attribute google.subject exceeds the ${maxSubjectBytes} bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than ${maxSubjectBytes} bytes.`,
    );
  }
  requireCondition(stringAt(provider, "attributeCondition"), { assertion: claims, google, attribute: attributes });
  return { subject, groups: groupsOf(google.groups), attributes };
}

function mapClaim(target: string, expression: string, context: Context): CelValue {
  try {
    return parseCel(expression, ["assertion"]).evaluate(context);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    throw new OAuthFault(
      400,
      "invalid_request",
      `Could not obtain a value for ${target} from the given credential: ${error.message}.`,
    );
  }
}

function requireCondition(condition: string, context: Context): void {
  if (condition === "" || isMet(condition, context)) return;
  throw new OAuthFault(400, "unauthorized_client", "The given credential is rejected by the attribute condition.");
}

/** A claim that is missing does not meet a condition. */
function isMet(condition: string, context: Context): boolean {
  try {
    return parseCel(condition, Object.keys(context)).evaluate(context) === true;
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}

function textOf(target: string, value: CelValue | undefined): string {
  if (typeof value === "string") return value;
  throw new OAuthFault(400, "unauthorized_client", `The mapped attribute '${target}' must be of type STRING.`);
}

function groupsOf(value: CelValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
