import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Answer, DecodedPacket, Packet, RecordType } from "dns-packet";
import { FleetError } from "#lib/errors.ts";

/** The address of one name server. */
export interface NameServer {
  /** Name as in NS records, without the trailing dot. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** The answer of a server. Names are lower case, without the trailing dot. */
export interface DnsReply {
  /** NOERROR, NXDOMAIN, REFUSED, SERVFAIL, … */
  readonly code: string;
  /** The answer is authoritative (AA). */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  /** In a referral: the servers to ask next. */
  readonly authorities: readonly DnsRecord[];
}

export interface DnsRecord {
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /** NS: the server's name; SOA: its primary server. Other types as text. */
  readonly value: string;
}

export interface QueryOptions {
  /** Milliseconds per attempt. @default 2,000 */
  readonly timeoutMs?: number;
  /** Number of attempts over UDP, which loses packets. @default 3 */
  readonly tries?: number;
  readonly signal?: AbortSignal;
}

/** The largest datagram that is safe on every path (https://dnsflagday.net/2020/). */
const udpPayloadSize = 1_232;

/**
 * Sends one query to one server, without recursion, so that a parent returns its delegation and not the records
 * below it. Truncated answers are requested again over TCP.
 *
 * @throws FleetError DnsUnanswered
 */
export async function queryServer(
  server: NameServer,
  name: string,
  type: RecordType,
  options: QueryOptions = {},
): Promise<DnsReply> {
  const { timeoutMs = 2_000, tries = 3, signal } = options;
  const dns = await import("dns-packet");
  const question: Packet = {
    type: "query",
    id: crypto.getRandomValues(new Uint16Array(1))[0] ?? 0,
    flags: 0,
    questions: [{ name, type, class: "IN" }],
    additionals: [
      {
        name: ".",
        type: "OPT",
        udpPayloadSize,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  };
  const isOurs = (packet: DecodedPacket): boolean => {
    const [asked] = packet.questions ?? [];
    return packet.type === "response" && packet.id === question.id && normalize(asked?.name ?? "") === normalize(name);
  };
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const stop = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
    try {
      const short = await overUdp(server, dns.encode(question), stop, (bytes) => tryDecode(dns.decode, bytes), isOurs);
      if (!short.flag_tc) return parseReply(short);
      const whole = dns.streamDecode(await overTcp(server, dns.streamEncode(question), stop));
      if (whole === null) throw new Error("an answer that is no DNS");
      return parseReply(whole as DecodedPacket);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt < tries) continue;
      const where = `${server.name} (${server.address}:${server.port})`;
      throw new FleetError("DnsUnanswered", `${where} does not answer for ${name}`, {
        hint: "is port 53 open from here, for UDP and TCP?",
        cause: error,
      });
    }
  }
}

function tryDecode(decode: (bytes: Buffer) => DecodedPacket, bytes: Buffer): DecodedPacket | undefined {
  try {
    return decode(bytes);
  } catch {
    return undefined;
  }
}

function overUdp(
  { address, port }: NameServer,
  question: Uint8Array,
  stop: AbortSignal,
  decode: (bytes: Buffer) => DecodedPacket | undefined,
  isOurs: (packet: DecodedPacket) => boolean,
): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const end = (finish: () => void): void => {
      stop.removeEventListener("abort", onStop);
      socket.close();
      finish();
    };
    const onStop = (): void => end(() => reject(stop.reason));
    stop.addEventListener("abort", onStop, { once: true });
    socket.once("error", (error) => end(() => reject(error)));
    socket.on("message", (bytes, from) => {
      // UDP can be spoofed: only packets from the server that repeat the question are accepted.
      const packet = from.port === port && from.address === address ? decode(bytes) : undefined;
      if (packet !== undefined && isOurs(packet)) end(() => resolve(packet));
    });
    socket.send(question, port, address);
  });
}

function overTcp({ address, port }: NameServer, question: Uint8Array, stop: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    const chunks: Buffer[] = [];
    const fail = (error: unknown): void => {
      socket.destroy();
      reject(error);
    };
    stop.addEventListener("abort", () => fail(stop.reason), { once: true });
    socket.once("error", fail);
    socket.once("close", () => reject(new Error("closed before the answer was whole")));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      // The first two bytes are the length of the rest.
      if (bytes.length < 2 || bytes.length < bytes.readUInt16BE(0) + 2) return;
      resolve(bytes);
      socket.destroy();
    });
    socket.write(question);
  });
}

function parseReply(packet: DecodedPacket): DnsReply {
  return {
    code: (packet as { readonly rcode?: string }).rcode ?? "NOERROR",
    authoritative: packet.flag_aa,
    answers: (packet.answers ?? []).map(parseRecord),
    authorities: (packet.authorities ?? []).map(parseRecord),
  };
}

function parseRecord(record: Answer): DnsRecord {
  const data: unknown = "data" in record ? record.data : undefined;
  const value = record.type === "SOA" ? record.data.mname : Array.isArray(data) ? data.join("") : data;
  return {
    name: normalize(escapeName(record.name)),
    type: record.type,
    ttl: "ttl" in record ? (record.ttl ?? 0) : 0,
    value: record.type === "NS" || record.type === "SOA" ? normalize(escapeName(String(value))) : String(value),
  };
}

/** Names as in zone files: bytes other than printable ASCII are escaped (RFC 1035, section 5.1). */
function escapeName(name: string): string {
  return name.replace(/[^\x21-\x7e]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `\\${String(byte).padStart(3, "0")}`).join(""),
  );
}

/** Lower case, without the trailing dot, for comparison. */
export function normalize(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
