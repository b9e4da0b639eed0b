import { expect, test } from "bun:test";
import { eksVersions, isInStandardSupport } from "#lib/aws/fleet/eks-versions.ts";
import { checkVersion } from "#sandbox/aws/eks/versions.ts";
import { eks, fleetOf } from "#tests/fixtures/fleets/base.ts";
import { checkFleet } from "#tests/support/fleet.ts";

test("the checker takes the versions in standard support and no other", () => {
  const minors = Array.from({ length: 12 }, (_, index) => `1.${30 + index}` as const);
  const taken = minors.filter((kubernetes) => checkFleet(fleetOf({ ...eks, kubernetes })).length === 0);
  expect(taken as readonly string[]).toEqual(["1.34", "1.35", "1.36"]);
  expect(taken as readonly string[]).toEqual(eksVersions.filter(isInStandardSupport).map(({ version }) => version));
});

test("a version without standard support is refused with the days on which its support ends", () => {
  expect(checkFleet(fleetOf({ ...eks, kubernetes: "1.33" }))).toMatchObject([
    {
      code: "UnsupportedVersion",
      message: "EKS ended standard support of Kubernetes 1.33 on 2026-07-29; extended support ends on 2027-07-29",
      hint: "use 1.34 (standard support ends on 2026-12-02), 1.35 (standard support ends on 2027-03-27), 1.36 (standard support ends on 2027-08-02)",
    },
  ]);
  expect(checkFleet(fleetOf({ ...eks, kubernetes: "1.38" }))).toMatchObject([
    { code: "UnsupportedVersion", message: "Kubernetes 1.38 isn't supported by EKS" },
  ]);
});

test("extended support ends a year after standard support", () => {
  for (const { standardUntil, extendedUntil } of eksVersions) {
    expect(extendedUntil).toBe(`${Number(standardUntil.slice(0, 4)) + 1}${standardUntil.slice(4)}`);
  }
});

test("the sandbox creates clusters of the versions of the table", () => {
  for (const { version } of eksVersions) expect(checkVersion(version)).toBe(version);
  expect(() => checkVersion("1.37")).toThrow("unsupported Kubernetes version 1.37");
});
