import { describe, expect, test } from "bun:test";
import { faultCodes, formatFault } from "#lib/fleet/fault.ts";
import { codeOf, faultsOf, fixtures } from "./fixtures.ts";

describe("invalid fleets", () => {
  test.each(fixtures("invalid"))("%s breaks the rule in its name and no other", async (file) => {
    const faults = await faultsOf("invalid", file);
    expect(faults.map(({ code }) => code as string)).toEqual([codeOf(file)]);
  });

  test.each(fixtures("invalid"))("%s is told in one line, with a hint", async (file) => {
    for (const fault of await faultsOf("invalid", file)) {
      expect(formatFault(fault, file)).not.toContain("\n");
      expect(fault.where).not.toBe("");
      expect(fault.hint).not.toBe("");
      expect(fault.message).toMatch(/^[a-zA-Z"].*[^.]$/);
    }
  });

  test("every rule has a fixture", () => {
    expect([...new Set(fixtures("invalid").map(codeOf))].sort()).toEqual([...faultCodes].sort());
  });
});

describe("valid fleets", () => {
  test.each(fixtures("valid"))("%s has no fault", async (file) => {
    expect(await faultsOf("valid", file)).toEqual([]);
  });
});
