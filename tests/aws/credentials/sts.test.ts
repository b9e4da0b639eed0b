import { afterEach, describe, expect, test } from "bun:test";
import { identify } from "#lib/aws/credentials/sts.ts";
import { failureOf } from "#tests/support/failure.ts";

const credentials = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" };
const xml = { "content-type": "text/xml" };
const identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/ada</Arn><UserId>x</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>`;
const fault = (code: string) =>
  `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;

let server: ReturnType<typeof Bun.serve> | undefined;
afterEach(() => server?.stop(true));

/** @param answers one for each call; the last one for all that follow */
function sts(...answers: readonly (() => Response)[]): {
  readonly calls: () => number;
  readonly who: () => ReturnType<typeof identify>;
} {
  let calls = 0;
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => (answers[Math.min(calls++, answers.length - 1)] ?? (() => new Response()))(),
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  return { calls: () => calls, who: () => identify({ variables: {}, endpoint }, credentials) };
}

const ok = () => new Response(identity, { headers: xml });
const throttled = () => new Response(fault("Throttling"), { status: 400, headers: xml });

describe("STS", () => {
  test("is asked again as patiently as every other service: five throttled calls", async () => {
    const { who, calls } = sts(throttled, throttled, throttled, throttled, throttled, ok);
    expect((await who()).account).toBe("123456789012");
    expect(calls()).toBe(6);
  }, 60_000);

  test.each([
    [
      "a page with another status",
      () => new Response("<html><body>Sign in</body></html>", { headers: { "content-type": "text/html" } }),
    ],
    [
      "a page that is no XML",
      () => new Response("<!doctype html><p>Sign in<br>", { headers: { "content-type": "text/html; charset=utf-8" } }),
    ],
    [
      "a refusal in HTML",
      () =>
        new Response("<html><body>Blocked</body></html>", { status: 403, headers: { "content-type": "text/html" } }),
    ],
    ["text", () => new Response("blocked by policy", { headers: { "content-type": "text/plain" } })],
  ])("doesn't give the answer of something on the way there: %s", async (_what, answer) => {
    const error = await failureOf(sts(answer).who());
    expect([error.code, error.message]).toEqual([
      "AwsUnreachable",
      expect.stringContaining("the answer is not from AWS"),
    ]);
  });

  test.each([
    ["behind", 17, "this computer's clock is 17 minutes behind AWS's"],
    ["ahead of", -17, "this computer's clock is 17 minutes ahead of AWS's"],
  ])("shows by its date that this computer's clock is %s AWS's", async (_what, minutes, message) => {
    const date = new Date(Date.now() + minutes * 60_000).toUTCString();
    const error = await failureOf(sts(() => new Response(identity, { headers: { ...xml, date } })).who());
    expect([error.code, error.message]).toEqual(["ClockSkewed", message]);
    expect(error.hint).toContain("set the clock");
  });

  test("names the clock where it refuses the signature because of it", async () => {
    const date = new Date(Date.now() + 17 * 60_000).toUTCString();
    const refused = () => new Response(fault("SignatureDoesNotMatch"), { status: 403, headers: { ...xml, date } });
    expect((await failureOf(sts(refused).who())).code).toBe("ClockSkewed");
  });

  test("bears with a clock that is a little off", async () => {
    const date = new Date(Date.now() + 2 * 60_000).toUTCString();
    expect((await sts(() => new Response(identity, { headers: { ...xml, date } })).who()).account).toBe("123456789012");
  });
});

test("who is offline is told so without the patience that throttling takes", async () => {
  const error = await failureOf(identify({ variables: {}, endpoint: "http://127.0.0.1:1" }, credentials));
  expect([error.code, error.message]).toEqual(["AwsUnreachable", expect.stringContaining("ECONNREFUSED")]);
});
