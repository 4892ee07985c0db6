import { fold16, sumView } from "./checksum.ts";
import type { Nanos } from "./time.ts";
import type { Trail } from "./trail.ts";

/** Room in front of a frame for the headers of tunnels: VXLAN over GRE over Ethernet needs 88 bytes. */
export const HEADROOM = 128;
/** A pooled buffer: headroom and a full Ethernet frame. Longer frames have a buffer of their own. */
const BUFFER_BYTES = 2048;
/** Free packets kept for reuse; more are left to the collector. */
const FREE_MAX = 1 << 16;

/** Who wants to know when a packet that it sent has left its node: a socket, whose send buffer it fills (`skb->destructor`). */
export interface PacketOwner {
  /** The packet is on a line that it will have left at `until`, or it has ended. `charge`: what it filled of the buffer. */
  left(until: Nanos, charge: number): void;
}

/**
 * A frame on its way: offsets into a buffer with headroom. It has one owner at a time, who hands it on, or ends its life
 * with `pool.release` at one of the two places where frames die: delivered, or dropped.
 */
export class Packet {
  buf: Uint8Array;
  view: DataView;
  /** First byte: the link header on a device, the IP header inside the IP layer. */
  start = 0;
  end = 0;
  /** Offset of the IP header, once the IP layer has seen it. */
  net = 0;
  /** ifindex of the device it came in by; 0 when sent from here. */
  iif = 0;
  mark = 0;
  priority = 0;
  /** To whom the link header addresses it: see `PACKET_HOST` and its neighbours. */
  type = 0;
  /** Offset from which `sum` covers the bytes up to `end`; -1 when no sum is known. */
  sumFrom = -1;
  /** Folded one's complement sum of [sumFrom, end): payload is summed once in its life. */
  sum = 0;
  /** Times it was encapsulated here: bounds tunnels that lead into themselves (`dev_xmit_recursion`). */
  depth = 0;
  /** The flow it belongs to in this node's connection tracking, 0 when none, and how it belongs to it (`struct nf_conn`). */
  nfct = 0;
  nfctInfo = 0;
  /** Octets of the longest fragment that it was put together from, to be cut likewise when it leaves; 0 when it came whole. */
  fragMax = 0;
  /** What befell it on this node, for the capture's comments; set only while somebody captures. */
  note = "";
  /** The capture record that holds it, for a comment on why it was dropped; 0 when none. */
  record = 0;
  /** Set on a packet whose way somebody wants to know: where something is decided about it, it is told. Null on all others. */
  trail: Trail | null = null;

  /** Told when the packet leaves its node. Null on most: nobody asks. */
  owner: PacketOwner | null = null;
  /** Octets of the owner's send buffer that it fills. */
  charge = 0;

  constructor(bytes: number) {
    this.buf = new Uint8Array(bytes);
    this.view = new DataView(this.buf.buffer);
  }

  get length(): number {
    return this.end - this.start;
  }

  /** The packet leaves its node at `until`, or has ended: its owner is told, and gone. */
  disown(until: Nanos): void {
    const { owner } = this;
    this.owner = null;
    owner?.left(until, this.charge);
  }

  /** Makes room for `n` header bytes in front. */
  push(n: number): void {
    if (this.sumFrom < this.start) this.sumFrom = -1; // it covered bytes that were stripped since
    if (n > this.start) this.#moreHeadroom(n);
    this.start -= n;
  }
  /** Strips `n` bytes in front. */
  pull(n: number): void {
    this.start += n;
  }
  /** Cuts the frame to `length` bytes. */
  trim(length: number): void {
    const end = this.start + length;
    if (end === this.end) return;
    this.end = end;
    this.sumFrom = -1;
  }

  /** Sum of [from, end), whose first byte counts as a high one. Uses the cached payload sum. */
  sumOf(from: number): number {
    if (this.sumFrom < from) return sumView(this.view, from, this.end);
    const head = sumView(this.view, from, this.sumFrom);
    return head + (((this.sumFrom - from) & 1) === 0 ? this.sum : ((this.sum & 0xff) << 8) | (this.sum >>> 8));
  }

  /** Caches the sum of [from, end), so that nobody adds these bytes again. */
  cacheSum(from: number): void {
    this.sum = fold16(sumView(this.view, from, this.end));
    this.sumFrom = from;
  }

  #moreHeadroom(n: number): void {
    const shift = HEADROOM + n;
    const buf = new Uint8Array(this.buf.length + shift);
    buf.set(this.buf.subarray(this.start, this.end), this.start + shift);
    this.buf = buf;
    this.view = new DataView(buf.buffer);
    this.start += shift;
    this.end += shift;
    if (this.net > 0) this.net += shift;
    if (this.sumFrom >= 0) this.sumFrom += shift;
  }
}

export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
/** Made here for a group, and not to be heard by who sends it (IP_MULTICAST_LOOP off). */
export const PACKET_UNHEARD = 4;

/** Where packets come from and go to when they die. A test compares `born` with `dead`. */
export class PacketPool {
  readonly #free: Packet[] = [];
  born = 0;
  dead = 0;

  /** A packet of `length` bytes, contents undefined, with `HEADROOM` in front. */
  alloc(length: number): Packet {
    this.born++;
    const needed = length + HEADROOM;
    if (needed > BUFFER_BYTES) return this.#lay(new Packet(needed), length);
    const p = this.#free.pop();
    return this.#lay(p === undefined ? new Packet(BUFFER_BYTES) : p, length);
  }

  /** A second packet with the same bytes and marks: only where the wire really duplicates. */
  clone(p: Packet): Packet {
    const c = this.alloc(p.end - p.start);
    c.buf.set(p.buf.subarray(p.start, p.end), c.start);
    const shift = c.start - p.start;
    c.net = p.net === 0 ? 0 : p.net + shift;
    c.iif = p.iif;
    c.mark = p.mark;
    c.priority = p.priority;
    c.type = p.type;
    c.sumFrom = p.sumFrom < 0 ? -1 : p.sumFrom + shift;
    c.sum = p.sum;
    c.depth = p.depth;
    c.note = p.note;
    if (p.trail !== null) c.trail = p.trail.fork();
    return c;
  }

  release(p: Packet): void {
    this.dead++;
    if (p.owner !== null) p.disown(0);
    if (p.trail !== null) {
      p.trail.end();
      p.trail = null;
    }
    if (p.buf.length === BUFFER_BYTES && this.#free.length < FREE_MAX) this.#free.push(p);
  }

  #lay(p: Packet, length: number): Packet {
    p.start = HEADROOM;
    p.end = HEADROOM + length;
    p.net = 0;
    p.iif = 0;
    p.mark = 0;
    p.priority = 0;
    p.type = PACKET_HOST;
    p.sumFrom = -1;
    p.depth = 0;
    p.note = "";
    p.record = 0;
    p.nfct = 0;
    p.nfctInfo = 0;
    p.fragMax = 0;
    return p;
  }
}
