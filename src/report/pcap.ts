/** Classic pcap (draft-ietf-opsawg-pcap): one link type, micro- or nanosecond stamps, either byte order. */
import { type Capture, type CaptureDraft, emptyCapture, PACKET_OCTETS_MAX, stop } from "./capture.ts";
import { CHUNK_BYTES, ChunkBuffer, copyOctets, type Sink, setLe16, setLe32 } from "./chunks.ts";

const FILE_HEADER = 24;
const NO_COMMENTS: readonly string[] = [];

interface Variant {
  readonly little: boolean;
  /** Nanoseconds in one unit of the fraction field. */
  readonly unitNs: number;
  readonly recordHeader: number;
}

const VARIANTS: ReadonlyMap<number, Variant> = new Map([
  [0xa1b2c3d4, { little: false, unitNs: 1000, recordHeader: 16 }],
  [0xd4c3b2a1, { little: true, unitNs: 1000, recordHeader: 16 }],
  [0xa1b23c4d, { little: false, unitNs: 1, recordHeader: 16 }],
  [0x4d3cb2a1, { little: true, unitNs: 1, recordHeader: 16 }],
  [0xa1b2cd34, { little: false, unitNs: 1000, recordHeader: 24 }], // Kuznetzov's, with the interface in each record
  [0x34cdb2a1, { little: true, unitNs: 1000, recordHeader: 24 }],
]);

/** Whether the bytes begin as a classic pcap file does. */
export const isPcap = (b: Uint8Array): boolean => b.length >= 4 && VARIANTS.has(magicOf(b));

/** Reads every record that is whole. Never throws; `message` says what ended it early. */
export function readPcap(b: Uint8Array): Capture {
  const capture = emptyCapture("pcap");
  const variant = b.length >= 4 ? VARIANTS.get(magicOf(b)) : undefined;
  if (variant === undefined) return stop(capture, "not a pcap file: no magic number");
  if (b.length < FILE_HEADER) return stop(capture, "the file is cut short in its header");
  const { little } = variant;
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  const major = view.getUint16(4, little);
  const minor = view.getUint16(6, little);
  if (major !== 2) return stop(capture, `pcap version ${major}.${minor} is not supported`);
  const network = view.getUint32(20, little);
  // The upper bits tell of an FCS (§4); the link type is the lower 16.
  capture.interfaces.push({
    name: "",
    description: "",
    linkType: network & 0xffff,
    snaplen: view.getUint32(16, little),
  });
  return readRecords(capture, b, view, variant, minor);
}

function readRecords(c: CaptureDraft, b: Uint8Array, view: DataView, variant: Variant, minor: number): Capture {
  const { little, unitNs, recordHeader } = variant;
  for (let o = FILE_HEADER; o < b.length; ) {
    const number = c.packets.length + 1;
    if (b.length - o < recordHeader) return stop(c, `the file is cut short in the header of packet ${number}`);
    let kept = view.getUint32(o + 8, little);
    let originalLength = view.getUint32(o + 12, little);
    // Before version 2.3 the two lengths stood the other way round, in 2.3 either way (libpcap sf-pcap.c).
    if (minor < 3 || (minor === 3 && kept > originalLength)) [kept, originalLength] = [originalLength, kept];
    if (kept > PACKET_OCTETS_MAX) return stop(c, tooLong(number, kept));
    const from = o + recordHeader;
    if (kept > b.length - from) return stop(c, `the file is cut short in the middle of packet ${number}`);
    const timeNs = BigInt(view.getUint32(o, little)) * 1_000_000_000n + BigInt(view.getUint32(o + 4, little) * unitNs);
    c.packets.push({
      interface: 0,
      timeNs,
      originalLength,
      bytes: b.subarray(from, from + kept),
      comments: NO_COMMENTS,
    });
    o = from + kept;
  }
  return c;
}

/** The reader's complaint about a length no packet has. */
export const tooLong = (number: number, kept: number): string =>
  `packet ${number} claims ${kept} octets, more than the ${PACKET_OCTETS_MAX} that a capture may hold`;

const magicOf = (b: Uint8Array): number => new DataView(b.buffer, b.byteOffset, 4).getUint32(0);

export interface PcapOptions {
  /** LINKTYPE_ number; 1 (Ethernet) unless told. */
  readonly linkType?: number;
  /** Most octets kept of a packet; 262,144 unless told. */
  readonly snaplen?: number;
  /** Nanosecond stamps (magic a1b23c4d), as is the default, or microseconds, which every old tool reads. */
  readonly nanoseconds?: boolean;
  readonly chunkBytes?: number;
}

/** Writes classic pcap, little endian, in large chunks. Nothing is allocated per packet. */
export class PcapWriter {
  private readonly out: ChunkBuffer;
  private readonly snaplen: number;
  private readonly unitNs: number;

  constructor(sink: Sink, options: PcapOptions = {}) {
    this.out = new ChunkBuffer(sink, options.chunkBytes ?? CHUNK_BYTES);
    this.snaplen = options.snaplen ?? PACKET_OCTETS_MAX;
    this.unitNs = options.nanoseconds === false ? 1000 : 1;
    const o = this.out.reserve(FILE_HEADER);
    const b = this.out.bytes;
    b.fill(0, o, o + FILE_HEADER);
    setLe32(b, o, this.unitNs === 1 ? 0xa1b23c4d : 0xa1b2c3d4);
    setLe16(b, o + 4, 2);
    setLe16(b, o + 6, 4);
    setLe32(b, o + 16, this.snaplen);
    setLe32(b, o + 20, options.linkType ?? 1);
  }

  /** Writes `buffer[start, end)`, cut to the snap length, stamped `timeNs` (nanoseconds since the epoch, up to 2^53). */
  packet(timeNs: number, buffer: Uint8Array, start: number, end: number, originalLength = end - start): void {
    const kept = Math.min(end - start, this.snaplen);
    const o = this.out.reserve(16 + kept);
    const b = this.out.bytes;
    const second = Math.floor(timeNs / 1e9);
    setLe32(b, o, second);
    setLe32(b, o + 4, Math.floor((timeNs - second * 1e9) / this.unitNs));
    setLe32(b, o + 8, kept);
    setLe32(b, o + 12, originalLength);
    copyOctets(buffer, start, start + kept, b, o + 16);
  }

  /** Hands over what is still in the buffer. */
  flush(): void {
    this.out.flush();
  }
}
