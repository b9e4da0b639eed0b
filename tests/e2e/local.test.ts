import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Harness, openHarness } from "#tests/support/harness.ts";
import { countReadyNodes } from "#tests/support/nodes.ts";
import { scenarios } from "#tests/support/scenarios.ts";

setDefaultTimeout(240_000);

describe("clusters in the sandbox", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await openHarness({ speed: 20 });
  });
  afterAll(async () => await harness.close());

  test.serial.each(Object.entries(scenarios))("%s", async (_title, scenario) => {
    await scenario(harness, { createMs: 1_500, readyNodes: countReadyNodes });
    expect(await harness.leftovers()).toEqual([]);
  });
});
