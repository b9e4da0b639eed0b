import { GcpFault } from "#sandbox/gcp/api/behaviour.ts";

/** IAM's words, which do not tell whether the resource exists. */
export function permissionDenied(permission: string): GcpFault {
  return new GcpFault(
    403,
    "PERMISSION_DENIED",
    `Permission '${permission}' denied on resource (or it may not exist).`,
    {
      reason: "forbidden",
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "IAM_PERMISSION_DENIED",
          domain: "iam.googleapis.com",
          metadata: { permission },
        },
      ],
    },
  );
}
