import { describe, expect, test } from "bun:test";
import { CloudFormationServiceException } from "@aws-sdk/client-cloudformation";
import { type Asked, ask, isAwsError, isPassing, isUnsettled } from "#lib/aws/explain.ts";
import { FleetError } from "#lib/errors.ts";
import { failureOf } from "#tests/support/failure.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

const asked = { account: "aws-01", what: "reading the stack k01-eks" };

function refusal(name: string, message = "no", fault: "client" | "server" = "client") {
  return new CloudFormationServiceException({ name, message, $fault: fault, $metadata: { requestId: "r-1" } });
}

const explained = (thrown: Error) => failureOf(ask(asked, () => Promise.reject(thrown)));

describe("a call that AWS refuses", () => {
  test.each([
    ["Throttling", "AwsThrottled"],
    ["ThrottlingException", "AwsThrottled"],
    ["TooManyRequestsException", "AwsThrottled"],
    ["ExpiredToken", "SessionExpired"],
    ["ExpiredTokenException", "SessionExpired"],
    ["InvalidClientTokenId", "AwsDenied"],
    ["SignatureDoesNotMatch", "AwsDenied"],
    ["LimitExceededException", "QuotaExceeded"],
    ["ResourceLimitExceededException", "QuotaExceeded"],
    ["TooManyHostedZones", "QuotaExceeded"],
    ["VpcLimitExceeded", "QuotaExceeded"],
    ["InsufficientAddressCapacity", "QuotaExceeded"],
    ["PriorRequestNotComplete", "AwsUnreachable"],
    ["ValidationError", "AwsFailed"],
    ["NoSuchEntity", "AwsFailed"],
  ])("is told apart: %s is %s", async (name, code) => {
    expect((await explained(refusal(name))).code).toBe(code);
  });

  test("names account, who, action and resource when it is denied", async () => {
    const error = await explained(
      refusal(
        "AccessDenied",
        "User: arn:aws:sts::111111111111:assumed-role/aws-01-iam-role/x is not authorized to perform: cloudformation:CreateChangeSet on resource: arn:aws:cloudformation:us-east-1:111111111111:stack/k01/* because no identity-based policy allows the action",
      ),
    );
    expect(error.code).toBe("AwsDenied");
    expect(error.message).toBe(
      "aws-01: arn:aws:sts::111111111111:assumed-role/aws-01-iam-role/x may not cloudformation:CreateChangeSet on arn:aws:cloudformation:us-east-1:111111111111:stack/k01/* (reading the stack k01-eks)",
    );
    expect(error.hint).toContain("allow cloudformation:CreateChangeSet");
    expect(error.details).toContain("request r-1");
  });

  test.each([
    [true, "AccessDenied", "User: a is not authorized to perform: route53:GetHostedZone"],
    [true, "AccessDeniedException", "no"],
    [true, "ValidationError", "Role arn:aws:iam::111111111111:role/r is invalid or cannot be assumed"],
    [false, "AccessDenied", "User: a is not authorized, with an explicit deny in a service control policy"],
    [false, "ValidationError", "No updates are to be performed."],
  ])("may be %p that AWS does not know of a role yet: %s, %s", (wanted, name, message) => {
    expect(isUnsettled(refusal(name, message))).toBe(wanted);
  });

  test("says whose policy denies it", async () => {
    const error = await explained(
      refusal(
        "AccessDenied",
        "User: arn:aws:iam::1:user/a is not authorized to perform: eks:CreateCluster with an explicit deny in a service control policy",
      ),
    );
    expect(error.hint).toBe("a service control policy denies it: ask an administrator of the organization");
  });

  test("says whose own policies deny it", async () => {
    const error = await explained(
      refusal(
        "AccessDenied",
        "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: eks:CreateCluster with an explicit deny in an identity-based policy",
      ),
    );
    expect(error.hint).toBe(
      "take the denial of eks:CreateCluster out of the policies of that role (identity-based policy)",
    );
  });

  test("doesn't bear with a session that has ended: it was renewed already", async () => {
    const error = await explained(refusal("ExpiredToken", "The security token included in the request is expired"));
    expect([error.code, isPassing(error)]).toEqual(["SessionExpired", false]);
  });

  test("is still known by AWS's own name", async () => {
    const error = await explained(refusal("ValidationError", "Stack with id x does not exist"));
    expect(isAwsError(error, "ValidationError", /does not exist$/)).toBe(true);
    expect(isAwsError(error, "ValidationError", /is in progress/)).toBe(false);
    expect(isAwsError(error, "AccessDenied")).toBe(false);
  });
});

describe("a call that is not answered", () => {
  test.each([
    ["refused", Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" })],
    ["without a name", Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" })],
    ["too late", Object.assign(new Error("too late"), { name: "TimeoutError" })],
    ["cut off", new Error("The socket connection was closed unexpectedly.")],
    ["a fault of AWS", refusal("InternalFailure", "oops", "server")],
  ])("may be answered in a moment: %s", async (_what, thrown) => {
    const error = await explained(thrown);
    expect([error.code, isPassing(error)]).toEqual(["AwsUnreachable", true]);
  });

  test("ends with the reason of an interrupt, whatever the client makes of it", async () => {
    const controller = new AbortController();
    const failure = failureOf(
      ask({ ...asked, signal: controller.signal }, () => {
        controller.abort(new FleetError("Interrupted", "interrupted"));
        return Promise.reject(Object.assign(new Error("Request aborted"), { name: "AbortError" }));
      }),
    );
    expect((await failure).code).toBe("Interrupted");
  });
});

test("what isn't of AWS is passed on as it came", async () => {
  const fault = new RangeError("a fault of ours");
  expect(await ask(asked, () => Promise.reject(fault)).catch((thrown) => thrown)).toBe(fault);
});

describe("while the network is away", () => {
  const away = () => Promise.reject(Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" }));

  function worldOf(): {
    readonly said: string[];
    readonly clock: ReturnType<typeof virtualClock>;
    readonly world: NonNullable<Asked["world"]>;
  } {
    const clock = virtualClock();
    const said: string[] = [];
    return {
      said,
      clock,
      world: { clock, signal: new AbortController().signal, progress: (text) => void said.push(text) },
    };
  }

  test("a run sends a call again for minutes, and says why", async () => {
    const { said, clock, world } = worldOf();
    const answer = ask({ ...asked, world }, () => (clock.now() < 60_000 ? away() : Promise.resolve("answer")));
    expect(await answer).toBe("answer");
    expect(said[0]).toBe("AWS is not reachable (getaddrinfo EAI_AGAIN); trying again");
  });

  test("a run doesn't wait for ever, and names the reason", async () => {
    const { clock, world } = worldOf();
    const error = await failureOf(ask({ ...asked, world }, away));
    expect([error.code, error.message]).toEqual([
      "AwsUnreachable",
      "aws-01: AWS does not answer: getaddrinfo EAI_AGAIN (reading the stack k01-eks)",
    ]);
    expect(clock.elapsed()).toBeGreaterThanOrEqual(180_000);
  });

  test.each([
    ["was cut: it may have been done", Object.assign(new Error("reset"), { code: "ECONNRESET" })],
    ["meets a certificate that nobody knows", Object.assign(new Error("no"), { code: "CERT_HAS_EXPIRED" })],
    ["is refused", refusal("AccessDenied")],
  ])("a call isn't sent again that %s", async (_what, thrown) => {
    const { world } = worldOf();
    let calls = 0;
    await failureOf(
      ask({ ...asked, world }, () => {
        calls++;
        return Promise.reject(thrown);
      }),
    );
    expect(calls).toBe(1);
  });

  test("an untrusted certificate isn't over in a moment", async () => {
    const error = await explained(Object.assign(new Error("no"), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }));
    expect([error.code, isPassing(error)]).toEqual(["AwsUnreachable", false]);
  });
});
