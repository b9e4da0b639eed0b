import { randomUUID } from "node:crypto";

/** A refusal of Entra: its number comes first in the text, as `AADSTS7000215`. */
export class EntraFault extends Error {
  readonly number: number;
  /** Error code of OAuth 2.0. */
  readonly error: string;
  readonly status: number;

  constructor(number: number, error: string, message: string, status = 400) {
    super(message);
    this.name = "EntraFault";
    this.number = number;
    this.error = error;
    this.status = status;
  }

  response(now: Date): Response {
    const [trace_id, correlation_id] = [randomUUID(), randomUUID()];
    const timestamp = `${now.toISOString().slice(0, 19).replace("T", " ")}Z`;
    const place = `Trace ID: ${trace_id} Correlation ID: ${correlation_id} Timestamp: ${timestamp}`;
    return Response.json(
      {
        error: this.error,
        error_description: `AADSTS${this.number}: ${this.message} ${place}`,
        error_codes: [this.number],
        timestamp,
        trace_id,
        correlation_id,
        error_uri: `https://login.microsoftonline.com/error?code=${this.number}`,
      },
      { status: this.status },
    );
  }
}

export function unknownTenant(tenant: string, error = "invalid_request"): EntraFault {
  return new EntraFault(
    90002,
    error,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  );
}
