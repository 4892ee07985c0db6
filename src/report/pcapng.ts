/** Reading pcapng (draft-ietf-opsawg-pcapng): sections in either byte order, several interfaces, comments. */
import {
  type Capture,
  type CaptureDraft,
  type CaptureInterface,
  emptyCapture,
  PACKET_OCTETS_MAX,
  stop,
} from "./capture.ts";
import { tooLong } from "./pcap.ts";

export const SECTION_HEADER = 0x0a0d0d0a;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
export const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
export const ENHANCED_PACKET = 6;

export const OPT_END = 0;
export const OPT_COMMENT = 1;
export const SHB_USERAPPL = 4;
export const IF_NAME = 2;
const IF_DESCRIPTION = 3;
export const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

/** Octets of a block around its body: type, length, length again. */
const FRAME = 12;
const NO_COMMENTS: readonly string[] = [];

/** Whether the bytes begin with a Section Header Block. */
export const isPcapng = (b: Uint8Array): boolean =>
  b.length >= 12 && viewOf(b).getUint32(0) === SECTION_HEADER && littleEndian(viewOf(b), 0) !== undefined;

/** An interface with what is needed to read its time stamps. */
interface Clock {
  readonly snaplen: number;
  readonly unitsPerSecond: bigint;
  readonly offsetNs: bigint;
}

interface Section {
  little: boolean;
  /** Index of the section's interface 0 in the capture: each section counts its own from zero (§4.1). */
  firstInterface: number;
  clocks: Clock[];
}

interface Reader {
  readonly b: Uint8Array;
  readonly view: DataView;
  readonly capture: CaptureDraft;
  readonly section: Section;
}

/** Reads every block that is whole and makes sense. Never throws; `message` says what ended it early. */
export function readPcapng(b: Uint8Array): Capture {
  const capture = emptyCapture("pcapng");
  const section: Section = { little: true, firstInterface: 0, clocks: [] };
  const r: Reader = { b, view: viewOf(b), capture, section };
  for (let o = 0; o < b.length; ) {
    if (b.length - o < FRAME) return stop(capture, `the file is cut short in the header of a block at octet ${o}`);
    const isHeader = r.view.getUint32(o) === SECTION_HEADER; // reads the same in both orders
    if (isHeader) {
      const little = littleEndian(r.view, o);
      if (little === undefined) return stop(capture, `the section at octet ${o} has no byte-order magic`);
      section.little = little;
    } else if (o === 0) return stop(capture, "not a pcapng file: no section header");
    const length = r.view.getUint32(o + 4, section.little);
    const type = r.view.getUint32(o, section.little);
    if (length < FRAME || length % 4 !== 0) return stop(capture, `the block at octet ${o} claims length ${length}`);
    if (length > b.length - o) return stop(capture, cutShort(r, type, o));
    if (r.view.getUint32(o + length - 4, section.little) !== length)
      return stop(capture, `the two lengths of the block at octet ${o} differ`);
    const trouble = readBlock(r, type, o + 8, o + length - 4);
    if (trouble !== undefined) return stop(capture, trouble);
    o += length;
  }
  return capture;
}

/** Reads one block's body [o, end); the answer says why it could not be used. */
function readBlock(r: Reader, type: number, o: number, end: number): string | undefined {
  switch (type) {
    case SECTION_HEADER:
      return readSection(r, o, end);
    case INTERFACE_DESCRIPTION:
      return readInterface(r, o, end);
    case ENHANCED_PACKET:
    case OBSOLETE_PACKET:
      return readPacket(r, type, o, end);
    case SIMPLE_PACKET:
      return readSimplePacket(r, o, end);
    default: // names, statistics, secrets, custom blocks: a reader may skip what it does not know (§3.1)
      return undefined;
  }
}

function readSection(r: Reader, o: number, end: number): string | undefined {
  if (end - o < 16) return `the section header at octet ${o - 8} is too short`;
  const major = r.view.getUint16(o + 4, r.section.little);
  const minor = r.view.getUint16(o + 6, r.section.little);
  if (major !== 1) return `pcapng version ${major}.${minor} is not supported`;
  r.section.firstInterface = r.capture.interfaces.length;
  r.section.clocks = [];
  return undefined;
}

function readInterface(r: Reader, o: number, end: number): string | undefined {
  if (end - o < 8) return `the interface description at octet ${o - 8} is too short`;
  const { little } = r.section;
  const snaplen = r.view.getUint32(o + 4, little);
  let name = "";
  let description = "";
  let resolution = 6;
  let offsetNs = 0n;
  eachOption(r, o + 8, end, (code, from, to) => {
    if (code === IF_NAME) name = text(r, from, to);
    else if (code === IF_DESCRIPTION) description = text(r, from, to);
    else if (code === IF_TSRESOL && to > from) resolution = r.view.getUint8(from);
    else if (code === IF_TSOFFSET && to - from >= 8) offsetNs = r.view.getBigInt64(from, little) * 1_000_000_000n;
  });
  const exponent = BigInt(resolution & 0x7f);
  r.section.clocks.push({ snaplen, unitsPerSecond: resolution & 0x80 ? 2n ** exponent : 10n ** exponent, offsetNs });
  const found: CaptureInterface = { name, description, linkType: r.view.getUint16(o, little), snaplen };
  r.capture.interfaces.push(found);
  return undefined;
}

/** An Enhanced Packet Block, or the obsolete Packet Block, whose interface number is 16 bits with a drop count behind. */
function readPacket(r: Reader, type: number, o: number, end: number): string | undefined {
  const number = r.capture.packets.length + 1;
  const { little, clocks, firstInterface } = r.section;
  if (end - o < 20) return `the block of packet ${number} is too short`;
  const id = type === OBSOLETE_PACKET ? r.view.getUint16(o, little) : r.view.getUint32(o, little);
  const clock = clocks[id];
  if (clock === undefined) return `packet ${number} is from interface ${id}, which the section does not describe`;
  const kept = r.view.getUint32(o + 12, little);
  if (kept > PACKET_OCTETS_MAX) return tooLong(number, kept);
  const from = o + 20;
  if (kept > end - from) return `packet ${number} claims ${kept} octets, more than its block has`;
  const ticks = (BigInt(r.view.getUint32(o + 4, little)) << 32n) | BigInt(r.view.getUint32(o + 8, little));
  let comments: string[] | undefined;
  eachOption(r, from + pad4(kept), end, (code, start, to) => {
    if (code === OPT_COMMENT) (comments ??= []).push(text(r, start, to));
  });
  r.capture.packets.push({
    interface: firstInterface + id,
    timeNs: (ticks * 1_000_000_000n) / clock.unitsPerSecond + clock.offsetNs,
    originalLength: r.view.getUint32(o + 16, little),
    bytes: r.b.subarray(from, from + kept),
    comments: comments ?? NO_COMMENTS,
  });
  return undefined;
}

function readSimplePacket(r: Reader, o: number, end: number): string | undefined {
  const number = r.capture.packets.length + 1;
  const clock = r.section.clocks[0];
  if (clock === undefined) return `packet ${number} is from interface 0, which the section does not describe`;
  if (end - o < 4) return `the block of packet ${number} is too short`;
  const originalLength = r.view.getUint32(o, r.section.little);
  const kept = clock.snaplen === 0 ? originalLength : Math.min(originalLength, clock.snaplen);
  if (kept > PACKET_OCTETS_MAX) return tooLong(number, kept);
  if (kept > end - o - 4) return `packet ${number} claims ${kept} octets, more than its block has`;
  r.capture.packets.push({
    interface: r.section.firstInterface,
    timeNs: 0n,
    originalLength,
    bytes: r.b.subarray(o + 4, o + 4 + kept),
    comments: NO_COMMENTS,
  });
  return undefined;
}

/** Calls `each` for the options in [o, end) up to the end mark; one that does not fit ends the list. */
function eachOption(r: Reader, o: number, end: number, each: (code: number, from: number, to: number) => void): void {
  const { little } = r.section;
  for (let at = o; end - at >= 4; ) {
    const code = r.view.getUint16(at, little);
    const length = r.view.getUint16(at + 2, little);
    if (code === OPT_END || length > end - at - 4) return;
    each(code, at + 4, at + 4 + length);
    at += 4 + pad4(length);
  }
}

function cutShort(r: Reader, type: number, o: number): string {
  const packet = type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET;
  if (packet) return `the file is cut short in the middle of packet ${r.capture.packets.length + 1}`;
  return `the file is cut short in the middle of a block at octet ${o}`;
}

/** A length rounded up to whole 32-bit words, as bodies and option values are padded (§3.1, §3.5). */
export const pad4 = (length: number): number => (length + 3) & ~3;

const utf8 = new TextDecoder();
const text = (r: Reader, from: number, to: number): string => utf8.decode(r.b.subarray(from, to));

const viewOf = (b: Uint8Array): DataView => new DataView(b.buffer, b.byteOffset, b.length);

/** The byte order of the section that starts at `o`; `undefined` when its magic is no magic. */
function littleEndian(view: DataView, o: number): boolean | undefined {
  if (view.getUint32(o + 8, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(o + 8) === BYTE_ORDER_MAGIC ? false : undefined;
}
