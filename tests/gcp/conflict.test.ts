import { expect, test } from "bun:test";
import { FleetError } from "#lib/errors.ts";
import { readAndWrite } from "#lib/gcp/conflict.ts";
import { failureOf } from "#tests/support/failure.ts";
import { gcpError } from "#tests/support/gcp-memory.ts";

const lost = new FleetError("GcpUnreachable", "no answer", { hint: "" });
const world = { progress: () => undefined };

/** Fails with these first, and then writes what was read. */
async function write(...failures: readonly Error[]): Promise<readonly [done: number, reads: number]> {
  const left = [...failures];
  let reads = 0;
  const read = () => Promise.resolve(++reads);
  const done = await readAndWrite(world, read, async (found) => {
    const failure = left.shift();
    if (failure !== undefined) throw failure;
    return found;
  });
  return [done, reads];
}

test("what others wrote or deleted meanwhile is read again, and so is what a lost answer may have been about", async () => {
  expect(await write()).toEqual([1, 1]);
  expect(
    await write(gcpError(409, "ABORTED"), lost, gcpError(404, "NOT_FOUND"), gcpError(412, "conditionNotMet")),
  ).toEqual([5, 5]);
});

test("a write that fails five times, or is refused, has failed", async () => {
  expect(await failureOf(write(lost, lost, lost, lost, lost))).toBe(lost);
  const policy = "Constraint constraints/compute.vmExternalIpAccess violated for project 1.";
  const denied = new FleetError("GcpDenied", "no", { hint: "" });
  const refused: readonly Error[] = [denied, gcpError(412, "conditionNotMet", policy, ["conditionNotMet"])];
  for (const error of refused) expect<Error>(await failureOf(write(error))).toBe(error);
});
