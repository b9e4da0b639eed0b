import { expect, test } from "bun:test";
import { FleetError } from "#lib/errors.ts";
import { renewing } from "#lib/renewing.ts";
import { failureOf } from "#tests/support/failure.ts";

const away = new FleetError("AwsUnreachable", "STS: AWS does not answer", {
  cause: Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" }),
});
const denied = new FleetError("AssumeRoleDenied", "AWS refuses these credentials");
const minutes = (count: number): number => Date.now() + count * 60_000;

/** @param answers one for each time that somebody asks */
function source(...answers: readonly (number | FleetError)[]) {
  let asked = 0;
  return renewing(() => {
    const answer = answers[asked++];
    if (answer instanceof FleetError) return Promise.reject(answer);
    return Promise.resolve({ value: `session ${asked}`, expiresMs: answer ?? 0 });
  }, 5 * 60_000);
}

test("what is renewed early is used on while the network is away", async () => {
  const session = source(minutes(4), away, minutes(60));
  expect([await session.get(), await session.get(), await session.get()]).toEqual([
    "session 1",
    "session 1",
    "session 3",
  ]);
});

test("a refusal to renew is reported at once", async () => {
  const session = source(minutes(4), denied);
  await session.get();
  expect(await failureOf(session.get())).toBe(denied);
});

test("what has expired, or was refused, is never used on", async () => {
  const expired = source(minutes(-1), away);
  await expired.get();
  expect(await failureOf(expired.get())).toBe(away);
  const refused = source(minutes(60), away);
  refused.forget(await refused.get());
  expect(await failureOf(refused.get())).toBe(away);
});
