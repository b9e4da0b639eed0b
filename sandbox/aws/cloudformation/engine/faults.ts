import { randomUUID } from "node:crypto";
import { AwsFault } from "#sandbox/aws/cloud.ts";

/** The registry's names for kinds of failures, by AWS's codes. */
const handlerCodes: readonly (readonly [RegExp, string])[] = [
  [/^(AccessDenied|UnauthorizedOperation|AccessDeniedException)$/, "AccessDenied"],
  [/AlreadyExists|^InvalidGroup\.Duplicate$|^ResourceInUseException$|^EntityAlreadyExists$/, "AlreadyExists"],
  [/NotFound|^NoSuch/, "NotFound"],
  [/LimitExceeded$|^LimitExceeded|^TooMany/, "ServiceLimitExceeded"],
  [/^(DependencyViolation|HostedZoneNotEmpty|DeleteConflict)$/, "GeneralServiceException"],
  [/^NotStabilized$/, "NotStabilized"],
];

/** A failed operation on a resource, as events tell it. @param type `AWS::EC2::VPC` */
export function handlerMessage(fault: AwsFault, type: string): string {
  const code = handlerCodes.find(([pattern]) => pattern.test(fault.code))?.[1] ?? "InvalidRequest";
  const token = `(RequestToken: ${randomUUID()}, HandlerErrorCode: ${code})`;
  if (fault instanceof HandlerFault) return `Resource handler returned message: "${fault.message}" ${token}`;
  const [, service = ""] = type.split("::");
  const name =
    { IAM: "Iam", EC2: "Ec2", KMS: "Kms", EKS: "Eks", Logs: "CloudWatchLogs", Route53: "Route53" }[service] ?? service;
  const call = `(Service: ${name}, Status Code: ${fault.status}, Request ID: ${randomUUID()}) (SDK Attempt Count: 1)`;
  return `Resource handler returned message: "${fault.message} ${call}" ${token}`;
}

/** Said by CloudFormation's handler itself, not by the service that it calls. */
export class HandlerFault extends AwsFault {}

/** As the handlers say that a name is taken. */
export function alreadyExists(type: string, identifier: string): HandlerFault {
  return new HandlerFault(
    "AlreadyExists",
    `Resource of type '${type}' with identifier '${identifier}' already exists.`,
  );
}
