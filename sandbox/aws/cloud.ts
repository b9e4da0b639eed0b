import type { ContextValues } from "#sandbox/aws/policy/context.ts";
import type { GithubIssuer } from "#sandbox/cloud/github.ts";
import type { Slices } from "#sandbox/cloud/slices.ts";
import type { Pace } from "#sandbox/pace.ts";

/** Who calls, once its signature has been verified. */
export interface Caller {
  /** Twelve digits. */
  readonly account: string;
  /** As GetCallerIdentity tells it: a user, a session of a role, or `…:root`. */
  readonly arn: string;
  /** ARN of the user or role that policies are attached to and that trust policies name. */
  readonly principal: string;
  /** Condition keys that come of the caller: `aws:PrincipalArn`, `aws:SourceIdentity`, … */
  readonly context: Readonly<Record<string, string>>;
}

/** An authenticated request to one service. */
export interface Call {
  readonly caller: Caller;
  readonly region: string;
  readonly requestId: string;
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

/** One service of AWS: it knows its own protocol and its own rules. */
export interface Service {
  /** As in the credential scope of signatures: `cloudformation`. */
  readonly name: string;
  /** Name of a request's operation, for services that use method and path; undefined for an unknown one. */
  operationOf?(method: string, url: URL): string | undefined;
  /** @throws AwsFault for a refusal; the endpoint formats it */
  handle(call: Call): Promise<Response>;
}

/** Shared by all services. */
export interface Cloud extends Omit<Slices, "flush"> {
  /**
   * Identity policies of the caller against one action.
   *
   * @param action `route53:CreateHostedZone`
   * @param resource ARN, or `*`
   * @throws AwsFault AccessDenied
   */
  authorize(caller: Caller, action: string, resource: string, context?: ContextValues): void;
  /** A caller that acts by a role for a service (CloudFormation's own role). @throws AwsFault AccessDenied unless the role trusts the service */
  assumeAsService(roleArn: string, service: string): Caller;
  /** Its tokens are accepted where a provider and a role trust them. */
  readonly github: GithubIssuer;
  /** Milliseconds of the real AWS, shortened by the sandbox's speed. */
  readonly pace: Pace;
  readonly now: () => Date;
}

/** A refusal in AWS's words. */
export class AwsFault extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = "AwsFault";
    this.code = code;
    this.status = status;
  }
}

export function accessDenied(caller: Caller, action: string, resource: string, why: string): AwsFault {
  const on = resource === "*" ? "" : ` on resource: ${resource}`;
  return new AwsFault("AccessDenied", `User: ${caller.arn} is not authorized to perform: ${action}${on} ${why}`, 403);
}
