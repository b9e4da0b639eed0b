import { describe, expect, test } from "bun:test";
import { base, kind } from "#tests/fixtures/fleets/base.ts";
import { readFleet } from "#tests/support/fleet.ts";

async function told(data: unknown): Promise<readonly string[]> {
  const reading = await readFleet(data);
  return reading.kind === "fleet" ? [] : reading.faults.map(({ where, message }) => `${where}: ${message}`);
}

/** `base` with one place of it overwritten. */
function spoiled(path: readonly (string | number)[], value: unknown): unknown {
  const data: unknown = structuredClone(base);
  const last = path.at(-1);
  const owner = path.slice(0, -1).reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), data);
  if (last !== undefined) Reflect.set(Object(owner), last, value);
  return data;
}

describe("the schema", () => {
  test("reads a fleet as it is", async () => {
    expect(await readFleet(structuredClone(base))).toEqual({ kind: "fleet", fleet: base });
  });

  test.each([
    [["clusters", 1, "apiPort"], "6551", ['clusters[1].apiPort: expected number, got "6551"']],
    [["clusters", 1, "image"], null, ["clusters[1].image: expected string, got null"]],
    [["clusters", 1, "apiport"], 6551, ['clusters[1]: unknown key "apiport"']],
    [["clusters", 0, "apiPort"], 6551, ['clusters[0]: unknown key "apiPort"']],
    [
      ["clusters", 0, "provider"],
      "oracle",
      ['clusters[0].provider: expected "aws" or "azure" or "gcp" or "kind" or "k3d", got "oracle"'],
    ],
    [["accounts", 0, "role"], "boss", ['accounts[0].role: expected "management" or "tenant", got "boss"']],
    [["zones", 0, "ttl"], 60, ['zones[0]: unknown key "ttl"']],
    [["accounts"], {}, ["accounts: expected list, got {}"]],
    [["owner"], "me", ['fleet: unknown key "owner"']],
  ] as const)("at %p refuses %p", async (path, value, faults) => {
    expect(await told(spoiled(path, value))).toEqual([...faults]);
  });

  test.each([[null], ["fleet"], [[]], [42]])("refuses %p as a fleet", async (data) => {
    expect(await told(data)).toHaveLength(1);
  });

  test("refuses a cluster without its fields", async () => {
    expect(await told({ ...base, clusters: [{ provider: "kind" }] })).toEqual([
      "clusters[0].name: expected string, got nothing",
      "clusters[0].apiPort: expected number, got nothing",
    ]);
  });

  test("refuses an absent value that is written down", async () => {
    expect(await told({ ...base, clusters: [{ ...kind, image: undefined }] })).toHaveLength(1);
  });
});
