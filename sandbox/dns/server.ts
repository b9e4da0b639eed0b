import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import dns, { type Answer, type DecodedPacket, type Packet } from "dns-packet";
import { lookUp, type RecordSet, soaOf, type Zone } from "#sandbox/dns/zone.ts";

export interface DnsServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Without a word of what fits, this is what does (RFC 1035). */
const plainUdpSize = 512;
const largestUdpSize = 1_232;
/** Two bytes say how long an answer over TCP is. */
const largestSize = 65_535;
/** Bits of a header's flags, and codes of answers. */
const authoritativeBit = 1 << 10;
const truncatedBit = 1 << 9;
const codes = { formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;
/** UDP and TCP must have one number, and another program may have one of the two. */
const portTries = 20;
/** A connection over TCP that says nothing. */
const idleMs = 10_000;

/**
 * An authoritative DNS server, over UDP and TCP. It knows what its zones say and asks nobody.
 *
 * @param zones asked at each question, so that changes count at once
 * @param port 0 takes any
 */
export async function openDnsServer(zones: () => readonly Zone[], address: string, port = 0): Promise<DnsServer> {
  for (let attempt = 1; ; attempt++) {
    const sockets = new Set<Socket>();
    const tcp = createServer((socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      serveTcp(socket, zones);
    });
    const number = await listen(tcp, address, port);
    const udp = createSocket("udp4");
    udp.on("message", (bytes, from) => {
      const reply = answer(zones(), bytes, "udp");
      // Whoever asked may be gone: that is no error of the server's.
      if (reply !== undefined) udp.send(reply, from.port, from.address, () => {});
    });
    try {
      await bind(udp, address, number);
      udp.on("error", () => {});
      return { address, port: number, close: () => close(tcp, udp, sockets) };
    } catch (error) {
      await close(tcp, udp, sockets);
      if (port !== 0 || attempt === portTries) throw error;
    }
  }
}

/** The reply to one query; undefined for what is none. */
export function answer(zones: readonly Zone[], query: Buffer, transport: "udp" | "tcp"): Buffer | undefined {
  let asked: DecodedPacket;
  try {
    asked = dns.decode(query);
  } catch {
    return query.length < 2
      ? undefined
      : dns.encode({ type: "response", id: query.readUInt16BE(0), flags: codes.formatError });
  }
  if (asked.type !== "query") return undefined;
  const [question, ...others] = asked.questions ?? [];
  const head = { type: "response", id: asked.id ?? 0, questions: asked.questions ?? [] } as const;
  const edns = asked.additionals?.find(({ type }) => type === "OPT");
  const options = edns === undefined ? [] : [optRecord];
  // The bits from 11 to 14 say what kind of a query it is: only the standard one is known.
  const opcode = ((asked as { readonly flags?: number }).flags ?? 0) & 0x7800;
  if (question === undefined || others.length > 0) return dns.encode({ ...head, flags: codes.formatError });
  if (opcode !== 0 || (question.class ?? "IN") !== "IN") return dns.encode({ ...head, flags: codes.notImplemented });
  const reply = { ...head, ...bodyOf(zones, question.name.toLowerCase().replace(/\.$/, ""), question.type) };
  const packet: Packet = { ...reply, additionals: [...(reply.additionals ?? []), ...options] };
  const bytes = tryEncode(packet);
  // A zone or the question has something that can't be written: the others must go on.
  if (bytes === undefined) {
    const failed = { ...head, flags: codes.serverFailure };
    return tryEncode(failed) ?? dns.encode({ ...failed, questions: [] });
  }
  const asks = (edns as { readonly udpPayloadSize?: number } | undefined)?.udpPayloadSize ?? plainUdpSize;
  const fits = Math.max(plainUdpSize, Math.min(asks, largestUdpSize));
  if (transport === "tcp" || bytes.length <= fits) return bytes;
  return dns.encode({ ...head, flags: (reply.flags ?? 0) | truncatedBit, additionals: options });
}

function tryEncode(packet: Packet): Buffer | undefined {
  try {
    const bytes = dns.encode(packet);
    return bytes.length > largestSize ? undefined : bytes;
  } catch {
    return undefined;
  }
}

const optRecord: Answer = {
  name: ".",
  type: "OPT",
  udpPayloadSize: largestUdpSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function bodyOf(zones: readonly Zone[], name: string, type: string): Partial<Packet> {
  const verdict = lookUp(zones, name, type);
  switch (verdict.kind) {
    case "refused":
      return { flags: codes.refused };
    case "referral":
      return { flags: 0, authorities: format(verdict.delegation), additionals: verdict.glue.flatMap(format) };
    case "no such name":
      return { flags: authoritativeBit | codes.noSuchName, authorities: [formatNegative(verdict.zone)] };
    case "no data":
      return { flags: authoritativeBit, authorities: [formatNegative(verdict.zone)] };
    case "answer": {
      const answers = type === "SOA" ? [formatSoa(verdict.zone)] : verdict.records.flatMap(format);
      return { flags: authoritativeBit, answers };
    }
    default:
      return verdict satisfies never;
  }
}

function format({ name, type, ttl, values }: RecordSet): Answer[] {
  return values.map((value) => {
    // The library writes into the lists that it is given.
    const data = Array.isArray(value) ? [...value] : value;
    return { name, type, ttl, class: "IN", data } as Answer;
  });
}

function formatSoa(zone: Zone, ttl = soaOf(zone).ttl): Answer {
  const { ttl: _, ...data } = soaOf(zone);
  return { name: zone.name, type: "SOA", ttl, class: "IN", data };
}

/** How long something may be remembered as missing is the smaller of the two (RFC 2308, section 3). */
function formatNegative(zone: Zone): Answer {
  const { ttl, minimum } = soaOf(zone);
  return formatSoa(zone, Math.min(ttl, minimum));
}

function serveTcp(socket: Socket, zones: () => readonly Zone[]): void {
  let waiting = Buffer.alloc(0);
  // A client that goes away in the middle is of no interest.
  socket.on("error", () => socket.destroy());
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= 2 && waiting.length >= waiting.readUInt16BE(0) + 2) {
      const end = waiting.readUInt16BE(0) + 2;
      const reply = answer(zones(), waiting.subarray(2, end), "tcp");
      waiting = waiting.subarray(end);
      if (reply === undefined) continue;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([length, reply]));
    }
  });
}

function listen(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : port);
    });
  });
}

function bind(socket: UdpSocket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => resolve());
  });
}

async function close(tcp: Server, udp: UdpSocket, sockets: ReadonlySet<Socket>): Promise<void> {
  try {
    udp.close();
  } catch {
    // It was never bound.
  }
  await new Promise<void>((resolve) => {
    tcp.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}
