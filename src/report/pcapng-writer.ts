/** Writing pcapng (draft-ietf-opsawg-pcapng) at the pace of the data path. */
import { PACKET_OCTETS_MAX } from "./capture.ts";
import { CHUNK_BYTES, ChunkBuffer, copyOctets, type Sink, setLe16, setLe32 } from "./chunks.ts";
import {
  BYTE_ORDER_MAGIC,
  ENHANCED_PACKET,
  IF_NAME,
  IF_TSRESOL,
  INTERFACE_DESCRIPTION,
  OPT_COMMENT,
  OPT_END,
  pad4,
  SECTION_HEADER,
  SHB_USERAPPL,
} from "./pcapng.ts";

/** Octets of an Enhanced Packet Block before the packet, and of any block after its body. */
const PACKET_HEADER = 28;
const TRAILER = 4;
const OPTION_OCTETS_MAX = 0xffff;
const NANOSECONDS = 9;
const utf8 = new TextEncoder();

/**
 * Writes one section, little endian, nanosecond stamps, in large chunks: the same calls give the same bytes. A packet without comment allocates nothing.
 * The last packet stays in the buffer until the next one or `flush`, so that a comment can still be added to it.
 */
export class PcapngWriter {
  private readonly out: ChunkBuffer;
  /** Snap length of each interface. */
  private readonly snaplens: number[];
  /** Where the last packet's block begins in the chunk; -1 when none can be re-opened. */
  private lastBlock: number;
  /** Whether that block already has options, and so an end mark. */
  private lastHasOptions: boolean;

  constructor(sink: Sink, chunkBytes = CHUNK_BYTES) {
    this.out = new ChunkBuffer(sink, chunkBytes);
    this.snaplens = [];
    this.lastBlock = -1;
    this.lastHasOptions = false;
    this.sectionHeader();
  }

  /** Describes an interface and returns its number. `linkType`: LINKTYPE_ number; `snaplen`: most octets kept, 0 for all. */
  interface(name: string, linkType: number, snaplen = 0): number {
    const nameBytes = optionText(name);
    const length = 16 + optionLength(nameBytes.length) + optionLength(1) + 4 + TRAILER;
    this.lastBlock = -1;
    const o = this.open(INTERFACE_DESCRIPTION, length);
    const b = this.out.bytes;
    setLe16(b, o + 8, linkType);
    setLe16(b, o + 10, 0);
    setLe32(b, o + 12, snaplen);
    let at = writeOption(b, o + 16, IF_NAME, nameBytes);
    at = writeOption(b, at, IF_TSRESOL, Uint8Array.of(NANOSECONDS));
    endOptions(b, at);
    return this.snaplens.push(Math.min(snaplen === 0 ? PACKET_OCTETS_MAX : snaplen, PACKET_OCTETS_MAX)) - 1;
  }

  /** Writes `buffer[start, end)`, cut to the interface's snap length. `timeNs`: nanoseconds, up to 2^53. `interfaceId`: from `interface`. */
  packet(
    interfaceId: number,
    timeNs: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    comment?: string,
    originalLength: number = end - start,
  ): void {
    const snaplen = this.snaplens[interfaceId];
    if (snaplen === undefined) throw new Error(`no interface ${interfaceId} in this capture`);
    const kept = Math.min(end - start, snaplen);
    const body = pad4(kept);
    const length = PACKET_HEADER + body + TRAILER;
    const o = this.open(ENHANCED_PACKET, length);
    const b = this.out.bytes;
    setLe32(b, o + 8, interfaceId);
    setLe32(b, o + 12, Math.floor(timeNs / 0x1_0000_0000));
    setLe32(b, o + 16, timeNs >>> 0);
    setLe32(b, o + 20, kept);
    setLe32(b, o + 24, originalLength);
    const data = o + PACKET_HEADER;
    copyOctets(buffer, start, start + kept, b, data);
    for (let i = data + kept; i < data + body; i++) b[i] = 0;
    this.lastBlock = o;
    this.lastHasOptions = false;
    if (comment !== undefined) this.comment(comment);
  }

  /** Adds a comment to the packet written last. False when there is none to add to: nothing written, or flushed since. */
  comment(text: string): boolean {
    if (this.lastBlock < 0) return false;
    const value = optionText(text);
    const added = optionLength(value.length) + (this.lastHasOptions ? 0 : 4);
    const start = this.grow(added);
    const b = this.out.bytes;
    const before = this.out.length - added;
    const at = before - TRAILER - (this.lastHasOptions ? 4 : 0);
    const end = endOptions(b, writeOption(b, at, OPT_COMMENT, value));
    setLe32(b, start + 4, end + TRAILER - start);
    setLe32(b, end, end + TRAILER - start);
    this.lastHasOptions = true;
    return true;
  }

  /** Hands over what is still in the buffer; the last packet then takes no more comments. */
  flush(): void {
    this.lastBlock = -1;
    this.out.flush();
  }

  /** Reserves a block and writes its frame. */
  private open(type: number, length: number): number {
    const o = this.out.reserve(length);
    const b = this.out.bytes;
    setLe32(b, o, type);
    setLe32(b, o + 4, length);
    setLe32(b, o + length - TRAILER, length);
    return o;
  }

  /** Makes room for `count` more octets behind the last block, which may have to move to a fresh chunk for it. */
  private grow(count: number): number {
    const out = this.out;
    const written = out.length - this.lastBlock;
    if (out.length + count <= out.bytes.length) {
      out.reserve(count);
      return this.lastBlock;
    }
    const block = out.bytes.slice(this.lastBlock, out.length);
    out.length = this.lastBlock;
    out.flush();
    this.lastBlock = out.reserve(written + count);
    out.bytes.set(block, this.lastBlock);
    return this.lastBlock;
  }

  private sectionHeader(): void {
    const application = optionText("netloom");
    const o = this.open(SECTION_HEADER, 24 + optionLength(application.length) + 4 + TRAILER);
    const b = this.out.bytes;
    setLe32(b, o + 8, BYTE_ORDER_MAGIC);
    setLe16(b, o + 12, 1);
    setLe16(b, o + 14, 0);
    b.fill(0xff, o + 16, o + 24); // section length not given
    endOptions(b, writeOption(b, o + 24, SHB_USERAPPL, application));
  }
}

const optionLength = (length: number): number => 4 + pad4(length);

/** The text as UTF-8, cut at a character where an option's 16-bit length ends. */
function optionText(text: string): Uint8Array {
  const bytes = utf8.encode(text);
  if (bytes.length <= OPTION_OCTETS_MAX) return bytes;
  let end = OPTION_OCTETS_MAX;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** Writes one option and returns the offset behind it. */
function writeOption(b: Uint8Array, o: number, code: number, value: Uint8Array): number {
  setLe16(b, o, code);
  setLe16(b, o + 2, value.length);
  b.set(value, o + 4);
  const end = o + optionLength(value.length);
  b.fill(0, o + 4 + value.length, end);
  return end;
}

function endOptions(b: Uint8Array, o: number): number {
  setLe32(b, o, OPT_END);
  return o + 4;
}
