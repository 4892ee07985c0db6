/** What dissectors share: the octets at hand, the layers found so far, and the way to the next dissector. */
import type { Decoded } from "../../core/result.ts";

/** A value as `--json` prints it. Octet strings are colon-separated hex, addresses text. */
export type FieldValue =
  | number
  | string
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [key: string]: FieldValue };
export type Fields = { [key: string]: FieldValue };

/** What re-encoding needs of a codec. */
export interface Codec<T> {
  readonly encodedLength: (value: T) => number;
  readonly encode: (value: T, b: Uint8Array, o: number) => void;
}

/** One layer of a frame. */
export interface Layer {
  /** tshark's name of the protocol. */
  readonly p: string;
  /** The keys that stand beside `p`. */
  readonly fields: Fields;
  /** The octets that the header lies in: the frame's own, or a datagram put together from several frames. */
  readonly bytes: Uint8Array;
  /** The header in `bytes`, [start, end). */
  readonly start: number;
  readonly end: number;
  /** What the codec decoded; absent where the header could not be decoded as a whole. */
  readonly value?: unknown;
  /** Writes the header again from `value`. */
  readonly encode?: (b: Uint8Array, o: number) => void;
  /** The layers of a packet that this one quotes (an ICMP error). */
  readonly quoted?: readonly Layer[];
}

/**
 * Octets [o, end) of `b` that were captured, out of [o, wireEnd) that were on the wire. A dissector that learns that its
 * packet is shorter calls `shorten`; whoever called it then finds the trailer behind the new end.
 */
export class Span {
  readonly b: Uint8Array;
  readonly o: number;
  end: number;
  wireEnd: number;

  constructor(b: Uint8Array, o: number, end: number, wireEnd: number) {
    this.b = b;
    this.o = o;
    this.end = end;
    this.wireEnd = wireEnd;
  }

  /** Octets at hand. */
  get captured(): number {
    return this.end - this.o;
  }

  /** Octets on the wire. */
  get length(): number {
    return this.wireEnd - this.o;
  }

  /** Whether octets are missing at the end. */
  get cut(): boolean {
    return this.end < this.wireEnd;
  }

  /** The rest from `at` on; empty where nothing of it was captured. */
  from(at: number): Span {
    const wireEnd = Math.max(this.wireEnd, this.o);
    const start = Math.min(at, this.end);
    return new Span(this.b, start, this.end, Math.max(wireEnd, start));
  }

  /** At most `length` octets from `at` on. */
  part(at: number, length: number): Span {
    const rest = this.from(at);
    rest.shorten(length);
    return rest;
  }

  /** The packet has `length` octets on the wire, if that is less than thought. */
  shorten(length: number): void {
    this.wireEnd = Math.min(this.wireEnd, this.o + length);
    this.end = Math.min(this.end, this.wireEnd);
  }
}

/** What is known of a frame besides its octets. */
export interface FrameInfo {
  /** Number in the file, from 1. */
  readonly n: number;
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
  /** Octets on the wire. */
  readonly length: number;
}

/** Takes a span apart: adds its layers to the walk and passes the payload on. */
export interface Dissector {
  /** The word in `stack`. */
  readonly name: string;
  /** Under which numbers the dissector is found. */
  readonly linkTypes?: readonly number[];
  /** EtherTypes, which GRE, Geneve and SNAP use as well. */
  readonly etherTypes?: readonly number[];
  readonly ipProtocols?: readonly number[];
  readonly udpPorts?: readonly number[];
  readonly tcpPorts?: readonly number[];
  /** LLC destination service access points. */
  readonly llcSaps?: readonly number[];
  /** SNAP: organization code × 65,536 + protocol id, for organizations other than 0. */
  readonly snapIds?: readonly number[];
  readonly pppProtocols?: readonly number[];
  dissect(w: Walk, s: Span): void;
  /**
   * For a protocol of messages on a TCP stream: octets of the message that begins at `s.o`, undefined while too few are
   * there to tell. `dissect` then gets one whole message at a time.
   */
  messageLength?(s: Span): number | undefined;
}

/** Dissectors by number, as `registry.ts` makes them. */
export interface Tables {
  readonly linkTypes: ReadonlyMap<number, Dissector>;
  readonly etherTypes: ReadonlyMap<number, Dissector>;
  readonly ipProtocols: ReadonlyMap<number, Dissector>;
  readonly udpPorts: ReadonlyMap<number, Dissector>;
  readonly tcpPorts: ReadonlyMap<number, Dissector>;
  readonly llcSaps: ReadonlyMap<number, Dissector>;
  readonly snapIds: ReadonlyMap<number, Dissector>;
  readonly pppProtocols: ReadonlyMap<number, Dissector>;
}

/** What dissectors remember from frame to frame, each under a key of its own: fragments, streams, learnt ports. */
export class DissectState {
  private readonly tables = new Map<string, unknown>();

  /** The table `key`, made by `make` when first asked for. */
  table<T>(key: string, make: () => T): T {
    if (!this.tables.has(key)) this.tables.set(key, make());
    return this.tables.get(key) as T;
  }
}

/** Dissectors inside one another before the rest counts as data. */
const DEPTH_MAX = 64;

/** The dissection of one frame. */
export class Walk {
  readonly info: FrameInfo;
  readonly state: DissectState;
  readonly tables: Tables;
  readonly stack: string[];
  /** Where new layers go: `root`, or the layers of a quoted packet. */
  layers: Layer[];
  readonly root: Layer[];
  /** Something claims more than the frame ever had, or makes no sense. */
  malformed: boolean;
  /** What is dissected is the first fragment of more: its lengths and checksum cover what is not there. */
  fragmented: boolean;
  /** What is dissected is quoted in an ICMP error. */
  quoted: boolean;
  /** Sum of the 16-bit words of both network addresses, for pseudo-headers. */
  addressSum: number;
  /** Both network addresses, sender first: what tells connections apart. */
  endpoints: string;
  private depth: number;

  constructor(info: FrameInfo, state: DissectState, tables: Tables) {
    this.info = info;
    this.state = state;
    this.tables = tables;
    this.stack = [];
    this.root = [];
    this.layers = this.root;
    this.malformed = false;
    this.fragmented = false;
    this.quoted = false;
    this.addressSum = 0;
    this.endpoints = "";
    this.depth = 0;
  }

  /** Adds a layer whose header was decoded as a whole: it begins at `s.o` and is as long as its codec says. */
  add<T>(p: string, s: Span, fields: Fields, codec: Codec<T>, value: T, quoted?: readonly Layer[]): void {
    const end = s.o + codec.encodedLength(value);
    const encode = (b: Uint8Array, o: number): void => codec.encode(value, b, o);
    this.layers.push({ p, fields, bytes: s.b, start: s.o, end, value, encode, ...(quoted ? { quoted } : {}) });
  }

  /** Adds a layer of which only these fields could be read, or that has no codec. */
  addRaw(p: string, s: Span, fields: Fields, length: number = s.captured): void {
    this.layers.push({ p, fields, bytes: s.b, start: s.o, end: s.o + length });
  }

  /** The header needs `length` octets, which are not there: malformed, unless the capture was cut. */
  short(s: Span, length: number): void {
    if (s.o + length > s.wireEnd) this.malformed = true;
  }

  /** Passes `s` to a dissector, or keeps it as data where there is none. */
  next(dissector: Dissector | undefined, s: Span): void {
    if (dissector === undefined || this.depth >= DEPTH_MAX) return this.data(s);
    this.stack.push(dissector.name);
    this.depth++;
    dissector.dissect(this, s);
    this.depth--;
  }

  /** Passes `s` to the dissector of an EtherType; `stack` has a word of its own for that. */
  etherType(type: number, s: Span): void {
    this.stack.push("ethertype");
    this.next(this.tables.etherTypes.get(type), s);
  }

  /** The dissector of one of two ports, the lower first, as tshark looks them up. */
  byPort(table: ReadonlyMap<number, Dissector>, sport: number, dport: number): Dissector | undefined {
    return table.get(Math.min(sport, dport)) ?? table.get(Math.max(sport, dport));
  }

  /** What `dissect` adds, adds to the frame, also from within a quoted packet: so tshark treats what UDP and TCP carry. */
  atRoot(dissect: () => void): void {
    const before = this.layers;
    this.layers = this.root;
    dissect();
    this.layers = before;
  }

  /** The layers of a packet that is quoted in an error, apart from those of the frame. */
  quote(dissect: () => void): readonly Layer[] {
    const [before, wasQuoted] = [this.layers, this.quoted];
    const found: Layer[] = [];
    this.layers = found;
    this.quoted = true;
    dissect();
    this.layers = before;
    this.quoted = wasQuoted;
    return found;
  }

  /** The rest of the packet, which no dissector knows. */
  data(s: Span): void {
    this.stack.push("data");
    if (s.captured > 0) this.addRaw("data", s, { len: s.captured });
  }
}

/**
 * Reads a header that is cut short with zeros for what is missing, and keeps the fields that were there as a whole.
 * `ends`: the keys with the octet of the header behind each, in the order in which they are read: the first one missing ends it.
 */
export function partial<T>(
  s: Span,
  minimum: number,
  decode: (b: Uint8Array, o: number, end: number) => Decoded<T>,
  fields: (value: T) => Fields,
  ends: Readonly<Record<string, number>>,
): Fields {
  const padded = new Uint8Array(Math.max(minimum, s.captured));
  padded.set(s.b.subarray(s.o, s.end));
  const got = decode(padded, 0, padded.length);
  const out: Fields = {};
  if (!got.ok) return out;
  const all = fields(got.value);
  for (const [key, end] of Object.entries(ends)) {
    if (end > s.captured) return out;
    if (key in all) out[key] = all[key] as FieldValue;
  }
  return out;
}
