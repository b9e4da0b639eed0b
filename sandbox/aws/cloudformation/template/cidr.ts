import { type Cidr, formatCidr, tryParseCidr } from "#lib/fleet/cidr.ts";
import { AwsFault } from "#sandbox/aws/cloud.ts";

export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** What `Fn::Cidr` gives: the first `count` ranges with `hostBits` bits for hosts. */
export function divideCidr(block: string, count: number, hostBits: number): readonly string[] {
  const range = tryParseCidr(block);
  if (range === undefined) {
    throw new AwsFault(
      "ValidationError",
      `Template error: every Fn::Cidr object requires a valid IPv4 block, not ${block}`,
    );
  }
  const prefix = 32 - hostBits;
  if (prefix < range.prefix || count > 2 ** (prefix - range.prefix) || count < 1 || count > 256) {
    throw new AwsFault(
      "ValidationError",
      `Template error: Fn::Cidr: ${count} ranges of ${hostBits} host bits do not fit into ${block}`,
    );
  }
  const size = 2 ** hostBits;
  return Array.from({ length: count }, (_, index) => {
    const first = range.first + index * size;
    return formatCidr({ first, last: first + size - 1, prefix });
  });
}
