import { AwsFault } from "#sandbox/aws/cloud.ts";

/** A range of IPv4 addresses. */
export interface Cidr {
  readonly first: number;
  readonly bits: number;
}

/** Undefined for what is no range; host bits are allowed and cleared, as EC2 does. */
export function tryParseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  if ([a, b, c, d].some((byte) => byte > 255) || bits > 32) return undefined;
  const address = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  const size = 2 ** (32 - bits);
  return { first: Math.floor(address / size) * size, bits };
}

export function formatCidr({ first, bits }: Cidr): string {
  return `${formatAddress(first)}/${bits}`;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

export function sizeOf({ bits }: Cidr): number {
  return 2 ** (32 - bits);
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  return inner.first >= outer.first && inner.first + sizeOf(inner) <= outer.first + sizeOf(outer);
}

export function overlap(one: Cidr, other: Cidr): boolean {
  return one.first < other.first + sizeOf(other) && other.first < one.first + sizeOf(one);
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
  const bits = 32 - hostBits;
  if (bits < range.bits || count > 2 ** (bits - range.bits) || count < 1 || count > 256) {
    throw new AwsFault(
      "ValidationError",
      `Template error: Fn::Cidr: ${count} ranges of ${hostBits} host bits do not fit into ${block}`,
    );
  }
  return Array.from({ length: count }, (_, index) => formatCidr({ first: range.first + index * 2 ** hostBits, bits }));
}
