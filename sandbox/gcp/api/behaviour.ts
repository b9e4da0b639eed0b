import type { Caller, GcpCloud, Project } from "#sandbox/gcp/cloud.ts";

export type Json = { readonly [field: string]: unknown };

/** A request that fits google.json, from a known caller. */
export interface GcpCall {
  readonly cloud: GcpCloud;
  /** Id of its method: `dns.managedZones.create`. */
  readonly method: string;
  readonly caller: Caller;
  /** The declared project that the path names by its id or its number. */
  readonly project: Project | undefined;
  /** By their names in the method's flat path: `project` and `managedZone`, `projectsId` and `clustersId`. Decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Checked, without read-only fields; of a form, with names in camel case. Empty for a method without a body. */
  readonly body: Json;
  /** `https://HOST`, as the client names it. */
  readonly endpoint: string;
}

export function projectIdOf({ project }: Pick<GcpCall, "project">): string {
  // The gateway refuses unknown projects.
  return project?.projectId ?? "";
}

/** The answer to a call, which fits its method's response schema. @throws GcpFault */
export type Behaviour = (call: GcpCall) => Json | Promise<Json>;

/** By method id. Methods without one answer 501 with their id. */
export type Behaviours = Readonly<Record<string, Behaviour>>;

export interface FaultFields {
  /** Of `errors[0]`. @default made from the code: `NOT_FOUND` is `notFound` */
  readonly reason?: string;
  /** `{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", … }` */
  readonly details?: readonly Json[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal in Google's words. */
export class GcpFault extends Error {
  readonly status: number;
  /** `NOT_FOUND`, as google.rpc.Code spells it. */
  readonly code: string;
  readonly reason: string;
  readonly details: readonly Json[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, fields: FaultFields = {}) {
    super(message);
    this.name = "GcpFault";
    this.status = status;
    this.code = code;
    this.reason = fields.reason ?? code.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    this.details = fields.details ?? [];
    this.headers = fields.headers ?? {};
  }

  body(): Json {
    const { status, code, message, reason, details } = this;
    return {
      error: {
        code: status,
        message,
        errors: [{ message, domain: "global", reason }],
        status: code,
        ...(details.length === 0 ? {} : { details }),
      },
    };
  }
}

/** A refusal of the token endpoints, which speak OAuth: `invalid_grant`. */
export class OAuthFault extends GcpFault {
  override body(): Json {
    return { error: this.code, error_description: this.message };
  }
}
