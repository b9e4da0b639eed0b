import { describe, expect, test } from "bun:test";
import { effectOnCluster, refuseLeapOfEks } from "#lib/aws/eks/cluster-changes.ts";
import { FleetError } from "#lib/errors.ts";
import type { Hint } from "#lib/hint.ts";

describe("a change of a cluster", () => {
  test.each([
    ["KubernetesVersion", "1.35", "1.36", "in-place"],
    ["KubernetesVersion", "1.36", "1.35", "replace"],
    ["NodeMode", "auto", "managed", "replace"],
    ["ServiceCidr", "172.20.0.0/16", "172.21.0.0/16", "replace"],
    ["VpcCidr", "10.0.0.0/16", "10.64.0.0/16", "replace"],
    ["NodeCount", "2", "3", "in-place"],
    ["PublicAccessCidrs", "203.0.113.0/24", "198.51.100.0/24", "in-place"],
  ] as const)("of %s from %s to %s is %s", (parameter, from, to, effect) => {
    expect(effectOnCluster(parameter, from, to)).toBe(effect);
  });

  test.each([
    ["1.34", "1.35", undefined],
    ["1.35", "1.34", undefined],
    ["1.34", "1.36", 'write kubernetes: "1.35" and run create, then the next one, up to "1.36"'],
  ])("of its version from %s to %s is refused with the hint %s", (from, to, hint) => {
    const change = { field: "parameters.KubernetesVersion", from, to, effect: "in-place" } as const;
    expect(hintOf(() => refuseLeapOfEks("k01", [change]))).toBe(hint);
  });
});

function hintOf(work: () => void): Hint | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof FleetError && error.code === "UpgradeRefused") return error.hint;
    throw error;
  }
}
