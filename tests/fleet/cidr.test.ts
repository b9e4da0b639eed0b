import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Cidr } from "#lib/fleet/cidr.ts";
import { formatCidr, overlap, readCidr, tryFreeRange, tryParseCidr } from "#lib/fleet/cidr.ts";

/** Ranges within 10.0.0.0/22, small enough to list every address. */
const smallRange = fc
  .tuple(fc.integer({ min: 0, max: 1023 }), fc.integer({ min: 22, max: 32 }))
  .map(([offset, prefix]) => {
    const size = 2 ** (32 - prefix);
    const first = offset - (offset % size);
    return { first, size, text: `10.0.${first >> 8}.${first & 255}/${prefix}` };
  });

const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]): Cidr => {
    const size = 2 ** (32 - prefix);
    const first = address - (address % size);
    return { first, last: first + size - 1, prefix };
  });

function parse(text: string): Cidr {
  const cidr = tryParseCidr(text);
  if (cidr === undefined) throw new Error(`${text} isn't a range`);
  return cidr;
}

describe("overlap", () => {
  test("agrees with listing every address of both", () => {
    fc.assert(
      fc.property(smallRange, smallRange, (a, b) => {
        const addresses = new Set(Array.from({ length: a.size }, (_, index) => a.first + index));
        const shared = Array.from({ length: b.size }, (_, index) => b.first + index).some((address) =>
          addresses.has(address),
        );
        expect(overlap(parse(a.text), parse(b.text))).toBe(shared);
      }),
      { numRuns: 2000 },
    );
  });

  test("is the same both ways, and true of a range and itself", () => {
    fc.assert(
      fc.property(anyRange, anyRange, (a, b) => {
        expect(overlap(a, b)).toBe(overlap(b, a));
        expect(overlap(a, a)).toBe(true);
      }),
    );
  });
});

test("reading what was written gives the same range", () => {
  fc.assert(fc.property(anyRange, (range) => expect(parse(formatCidr(range))).toEqual(range)));
});

test("a free range overlaps none that is taken", () => {
  fc.assert(
    fc.property(fc.array(anyRange.filter(({ prefix }) => prefix >= 12)), (taken) => {
      const free = tryFreeRange(taken);
      if (free !== undefined) expect(taken.filter((range) => overlap(range, parse(free)))).toEqual([]);
    }),
  );
});

test("nothing is free when all of 10.0.0.0/8 is taken", () => {
  expect(tryFreeRange([parse("10.0.0.0/8")])).toBeUndefined();
});

test("the whole address space is a range", () => {
  expect(parse("0.0.0.0/0")).toEqual({ first: 0, last: 2 ** 32 - 1, prefix: 0 });
});

test("bits beyond the prefix are refused with the range that was meant", () => {
  expect(readCidr("192.168.17.5/20")).toEqual({
    kind: "malformed",
    why: "bits are set beyond /20",
    instead: "192.168.16.0/20",
  });
});
