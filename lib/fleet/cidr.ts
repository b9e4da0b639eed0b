/** IPv4 ranges. node:net's BlockList tests membership, but neither parses nor compares ranges. */
export interface Cidr {
  /** First address, as an unsigned 32-bit number. */
  readonly first: number;
  /** Last address. */
  readonly last: number;
  readonly prefix: number;
}

export type CidrReading =
  | { readonly kind: "cidr"; readonly cidr: Cidr }
  | { readonly kind: "malformed"; readonly why: string; readonly instead?: string };

const decimal = /^(?:0|[1-9]\d*)$/;

/** Parses `10.244.0.0/16`. Rejects leading zeros, which some programs read as octal, and bits beyond the prefix. */
export function readCidr(text: string): CidrReading {
  const [address = "", length, ...rest] = text.split("/");
  if (length === undefined || rest.length > 0) return { kind: "malformed", why: "no prefix length" };
  if (!decimal.test(length) || Number(length) > 32)
    return { kind: "malformed", why: `prefix length "${length}" isn't 0 to 32` };
  const octets = address.split(".");
  if (octets.length !== 4) return { kind: "malformed", why: `"${address}" isn't an IPv4 address` };
  const wrong = octets.find((octet) => !decimal.test(octet) || Number(octet) > 255);
  if (wrong !== undefined) return { kind: "malformed", why: `"${wrong}" isn't 0 to 255` };

  const prefix = Number(length);
  const size = 2 ** (32 - prefix);
  const value = octets.reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const first = value - (value % size);
  if (first !== value) {
    return { kind: "malformed", why: `bits are set beyond /${prefix}`, instead: `${formatAddress(first)}/${prefix}` };
  }
  return { kind: "cidr", cidr: { first, last: first + size - 1, prefix } };
}

export function tryParseCidr(text: string): Cidr | undefined {
  const reading = readCidr(text);
  return reading.kind === "cidr" ? reading.cidr : undefined;
}

export function overlap(a: Cidr, b: Cidr): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.first)}/${cidr.prefix}`;
}

/** The first /16 of 10.0.0.0/8, from 10.64.0.0 on, that overlaps none of `taken`. Undefined when all are taken. */
export function tryFreeRange(taken: readonly Cidr[]): string | undefined {
  const size = 2 ** 16;
  for (let second = 64; second < 256; second += 1) {
    const first = 10 * 2 ** 24 + second * size;
    const range: Cidr = { first, last: first + size - 1, prefix: 16 };
    if (!taken.some((other) => overlap(range, other))) return formatCidr(range);
  }
  return undefined;
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/** Whether all addresses of a range are in one of the others. @param ranges valid ones */
export function isWithin({ first, last }: Cidr, ranges: readonly string[]): boolean {
  return ranges.flatMap((text) => tryParseCidr(text) ?? []).some((range) => range.first <= first && last <= range.last);
}
