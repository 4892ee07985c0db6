import { setU32, u32 } from "../../core/bytes.ts";
import { bad, type Decoded, good } from "../../core/result.ts";

/** What iperf 3 says on its control connection, and in its datagrams (`iperf_api.h`, `iperf_api.c`, `iperf_udp.c` of 3.12). */

/** States that one side tells the other: an octet each, signed. */
export const TEST_START = 1;
export const TEST_RUNNING = 2;
export const TEST_END = 4;
export const PARAM_EXCHANGE = 9;
export const CREATE_STREAMS = 10;
export const SERVER_TERMINATE = 11;
export const CLIENT_TERMINATE = 12;
export const EXCHANGE_RESULTS = 13;
export const DISPLAY_RESULTS = 14;
export const IPERF_DONE = 16;
export const ACCESS_DENIED = -1;
export const SERVER_ERROR = -2;

/** Octets of a cookie, the zero at its end included. */
export const COOKIE_OCTETS = 37;
/** The longest JSON text that is read. */
export const JSON_MAX = 1 << 20;
/** The first datagram of a stream and its answer, least significant octet first. */
export const UDP_CONNECT: Uint8Array = Uint8Array.of(0x39, 0x38, 0x37, 0x36);
export const UDP_REPLY: Uint8Array = Uint8Array.of(0x36, 0x37, 0x38, 0x39);

/** What a client asks for. Left out: as the protocol has it. Lengths in octets, rates in bits a second, times in seconds. */
export interface Parameters {
  readonly udp: boolean;
  readonly omit: number;
  readonly time: number;
  /** Octets, or blocks, after which the test ends; 0: by time. */
  readonly num: number;
  readonly blockcount: number;
  readonly mss: number;
  readonly noDelay: boolean;
  readonly parallel: number;
  readonly reverse: boolean;
  readonly bidirectional: boolean;
  readonly window: number;
  readonly len: number;
  readonly bandwidth: number;
  readonly tos: number;
  readonly congestion: string;
  readonly getServerOutput: boolean;
  readonly udpCounters64: boolean;
}

/** What one side has to tell of a stream. Times in seconds. */
export interface StreamResult {
  readonly id: number;
  readonly bytes: number;
  /** -1: it does not know. */
  readonly retransmits: number;
  readonly jitter: number;
  readonly errors: number;
  readonly packets: number;
  readonly startTime: number;
  readonly endTime: number;
}
export interface Results {
  readonly senderHasRetransmits: number;
  readonly congestion: string;
  /** Left out: nobody asked for it. */
  readonly serverOutput?: string;
  readonly streams: readonly StreamResult[];
}

/** A JSON text as it is sent: its length first. */
export function encodeJson(value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const b = new Uint8Array(4 + text.length);
  setU32(b, 0, text.length);
  b.set(text, 4);
  return b;
}

export function encodeParameters(p: Parameters): Uint8Array {
  return encodeJson({
    ...(p.udp ? { udp: true } : { tcp: true }),
    omit: p.omit,
    time: p.time,
    num: p.num,
    blockcount: p.blockcount,
    ...(p.mss > 0 ? { MSS: p.mss } : {}),
    ...(p.noDelay ? { nodelay: true } : {}),
    parallel: p.parallel,
    ...(p.reverse ? { reverse: true } : {}),
    ...(p.bidirectional ? { bidirectional: true } : {}),
    ...(p.window > 0 ? { window: p.window } : {}),
    len: p.len,
    ...(p.bandwidth > 0 ? { bandwidth: p.bandwidth } : {}),
    pacing_timer: 1000,
    ...(p.tos > 0 ? { TOS: p.tos } : {}),
    ...(p.congestion !== "" ? { congestion: p.congestion } : {}),
    ...(p.getServerOutput ? { get_server_output: 1 } : {}),
    ...(p.udpCounters64 ? { udp_counters_64bit: 1 } : {}),
    client_version: "3.12",
  });
}

const PARALLEL_MAX = 128;
const BLOCK_MAX = 1 << 20;

/** What was asked for, from the parsed JSON; values that no client of iperf3 sends are bad. */
export function readParameters(json: unknown): Decoded<Parameters> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return bad("json", 0);
  const o = json as Record<string, unknown>;
  const number = (key: string, max: number): number => {
    const v = o[key] ?? 0;
    return typeof v === "number" && Number.isSafeInteger(v) && v >= 0 && v <= max ? v : Number.NaN;
  };
  const flag = (key: string): boolean => o[key] === true || o[key] === 1;
  const p: Parameters = {
    udp: flag("udp"),
    omit: number("omit", 600),
    time: number("time", 86_400),
    num: number("num", Number.MAX_SAFE_INTEGER),
    blockcount: number("blockcount", Number.MAX_SAFE_INTEGER),
    mss: number("MSS", 65_535),
    noDelay: flag("nodelay"),
    parallel: number("parallel", PARALLEL_MAX),
    reverse: flag("reverse"),
    bidirectional: flag("bidirectional"),
    window: number("window", 512 << 20),
    len: number("len", BLOCK_MAX),
    bandwidth: number("bandwidth", 1e15),
    tos: number("TOS", 255),
    congestion: typeof o["congestion"] === "string" ? o["congestion"] : "",
    getServerOutput: flag("get_server_output"),
    udpCounters64: flag("udp_counters_64bit"),
  };
  const wrong = Object.entries(p).find(([, v]) => typeof v === "number" && Number.isNaN(v));
  if (wrong !== undefined) return bad(wrong[0], 0);
  if (!p.udp && !flag("tcp")) return bad("protocol", 0);
  return p.len === 0 || p.parallel === 0 ? bad("len", 0) : good(p);
}

export function encodeResults(r: Results): Uint8Array {
  return encodeJson({
    cpu_util_total: 0,
    cpu_util_user: 0,
    cpu_util_system: 0,
    sender_has_retransmits: r.senderHasRetransmits,
    ...(r.congestion !== "" ? { congestion_used: r.congestion } : {}),
    ...(r.serverOutput !== undefined ? { server_output_text: r.serverOutput } : {}),
    streams: r.streams.map((s) => ({
      id: s.id,
      bytes: s.bytes,
      retransmits: s.retransmits,
      jitter: s.jitter,
      errors: s.errors,
      packets: s.packets,
      start_time: s.startTime,
      end_time: s.endTime,
    })),
  });
}

/** The results of the other side, from the parsed JSON. */
export function readResults(json: unknown): Decoded<Results> {
  if (typeof json !== "object" || json === null) return bad("json", 0);
  const o = json as Record<string, unknown>;
  const { streams, congestion_used: congestion, server_output_text: output } = o;
  const has = o["sender_has_retransmits"];
  if (!Array.isArray(streams) || streams.length > 2 * PARALLEL_MAX) return bad("streams", 0);
  const read: StreamResult[] = [];
  for (const each of streams as unknown[]) {
    if (typeof each !== "object" || each === null) return bad("stream", 0);
    const s = each as Record<string, unknown>;
    const of = (key: string): number =>
      typeof s[key] === "number" && Number.isFinite(s[key]) ? (s[key] as number) : 0;
    if (typeof s["id"] !== "number" || typeof s["bytes"] !== "number") return bad("stream", 0);
    read.push({
      id: of("id"),
      bytes: of("bytes"),
      retransmits: known(of("retransmits")),
      jitter: of("jitter"),
      errors: of("errors"),
      packets: of("packets"),
      startTime: of("start_time"),
      endTime: of("end_time"),
    });
  }
  return good({
    senderHasRetransmits: typeof has === "number" ? known(has) : -1,
    congestion: typeof congestion === "string" ? congestion : "",
    ...(typeof output === "string" ? { serverOutput: output } : {}),
    streams: read,
  });
}
/** C writes -1 as 2^64 - 1. */
const known = (n: number): number => (n >= 2 ** 63 || n < 0 ? -1 : n);

/** The octets of a control connection, taken apart as they come: a cookie, states, JSON texts. */
export class ControlReader {
  #b = new Uint8Array(0);

  push(b: Uint8Array, o: number, end: number): void {
    const joined = new Uint8Array(this.#b.length + end - o);
    joined.set(this.#b);
    joined.set(b.subarray(o, end), this.#b.length);
    this.#b = joined;
  }
  /** The cookie; undefined: it is not whole yet. */
  cookie(): string | undefined {
    const b = this.#take(COOKIE_OCTETS);
    return b === undefined ? undefined : String.fromCharCode(...b).replace(/\0.*$/s, "");
  }
  state(): number | undefined {
    const b = this.#take(1);
    return b === undefined ? undefined : ((b[0] as number) << 24) >> 24;
  }
  /** A signed number of four octets, as errors are told. */
  number(): number | undefined {
    const b = this.#take(4);
    return b === undefined ? undefined : u32(b, 0) | 0;
  }
  json(): Decoded<unknown> | undefined {
    if (this.#b.length < 4) return undefined;
    const length = u32(this.#b, 0);
    if (length > JSON_MAX) return bad("length", 0);
    const b = this.#take(4 + length);
    if (b === undefined) return undefined;
    try {
      return good(JSON.parse(new TextDecoder().decode(b.subarray(4))));
    } catch {
      return bad("json", 4);
    }
  }

  #take(octets: number): Uint8Array | undefined {
    if (this.#b.length < octets) return undefined;
    const taken = this.#b.slice(0, octets);
    this.#b = this.#b.slice(octets);
    return taken;
  }
}

/** Octets of a datagram's header: seconds, microseconds, a number of 4 octets or 8. */
export const datagramHeader = (counters64: boolean): number => (counters64 ? 16 : 12);

/** Writes the header of datagram `count`, sent at `nanos` of simulated time. */
export function writeDatagram(b: Uint8Array, nanos: number, count: number, counters64: boolean): void {
  setU32(b, 0, Math.floor(nanos / 1e9));
  setU32(b, 4, Math.floor((nanos % 1e9) / 1e3));
  setU32(b, 8, counters64 ? Math.floor(count / 2 ** 32) : count % 2 ** 32);
  if (counters64) setU32(b, 12, count % 2 ** 32);
}

/** When a datagram was sent, in seconds, and its number. */
export function readDatagram(
  b: Uint8Array,
  o: number,
  end: number,
  counters64: boolean,
): Decoded<{ readonly sentAt: number; readonly count: number }> {
  if (end - o < datagramHeader(counters64)) return bad("short", end);
  const sentAt = u32(b, o) + u32(b, o + 4) / 1e6;
  const count = counters64 ? u32(b, o + 8) * 2 ** 32 + u32(b, o + 12) : u32(b, o + 8);
  return good({ sentAt, count });
}
