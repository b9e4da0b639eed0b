import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Harness, openHarness, readyNodes, whyNot } from "#tests/support/harness.ts";
import { scenarios } from "#tests/support/scenarios.ts";

// Noisy machines have been seen to take ten times as long as quiet ones.
setDefaultTimeout(15 * 60_000);

const reason = await whyNot();
if (reason !== undefined) process.stdout.write(`tests on real clusters are skipped: ${reason}\n`);

describe.skipIf(reason !== undefined)("clusters on real Docker", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await openHarness();
  });
  afterAll(async () => await harness.close());

  test.serial.each(Object.entries(scenarios))("%s", async (_title, scenario) => {
    await scenario(harness, { createMs: 40_000, readyNodes });
    expect(await harness.leftovers()).toEqual([]);
  });
});
