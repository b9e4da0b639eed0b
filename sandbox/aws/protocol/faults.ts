import type { AwsFault } from "#sandbox/aws/cloud.ts";
import { answerFault } from "#sandbox/aws/protocol/query.ts";

/** Services that speak JSON over REST. */
const jsonServices: readonly string[] = ["eks"];
const namespaces: Readonly<Record<string, string>> = {
  cloudformation: "http://cloudformation.amazonaws.com/doc/2010-05-15/",
  iam: "https://iam.amazonaws.com/doc/2010-05-08/",
  route53: "https://route53.amazonaws.com/doc/2013-04-01/",
  sts: "https://sts.amazonaws.com/doc/2011-06-15/",
};

/** Services of JSON have other names for what all services refuse. */
const jsonCodes: Readonly<Record<string, string>> = {
  AccessDenied: "AccessDeniedException",
  ExpiredToken: "ExpiredTokenException",
  IncompleteSignature: "IncompleteSignatureException",
  InvalidClientTokenId: "UnrecognizedClientException",
  MissingAuthenticationToken: "MissingAuthenticationTokenException",
  SignatureDoesNotMatch: "InvalidSignatureException",
  Throttling: "ThrottlingException",
};

/** A refusal in the form of a service, also before the service has been asked. */
export function answerFaultOf(service: string, fault: AwsFault, requestId: string): Response {
  if (!jsonServices.includes(service)) return answerFault(fault, requestId, namespaces[service]);
  const code = jsonCodes[fault.code] ?? fault.code;
  return Response.json(
    { message: fault.message },
    { status: fault.status, headers: { "x-amzn-errortype": code, "x-amzn-requestid": requestId } },
  );
}

/** The code of a refusal, however the service has put it; undefined for an answer that is none. */
export async function tryReadFaultCode(response: Response): Promise<string | undefined> {
  if (response.status < 400) return undefined;
  const named = response.headers.get("x-amzn-errortype")?.split(":")[0];
  if (named !== undefined) return named;
  const text = await response.clone().text();
  return /<Code>([^<]+)<\/Code>/.exec(text)?.[1] ?? /"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"/.exec(text)?.[1] ?? "unknown";
}
