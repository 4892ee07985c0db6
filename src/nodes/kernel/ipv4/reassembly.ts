import { fold16 } from "../../../core/checksum.ts";
import { type DropReason, dropReason } from "../../../core/drop.ts";
import type { Packet } from "../../../core/packet.ts";
import { Alarm } from "../../../core/sim.ts";
import { NEVER, S } from "../../../core/time.ts";
import { ICMP_EXC_FRAGTIME, ICMP_TIME_EXCEEDED } from "../../../protocols/icmp/wire.ts";
import {
  dontFragment,
  dstI32,
  ecn,
  fragmentOffset,
  headerLength,
  IP_DF,
  id,
  LENGTH_MAX,
  moreFragments,
  protocol,
  seal,
  setFlagsAndOffset,
  setTos,
  srcI32,
  tos,
} from "../../../protocols/ipv4/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { DST_LOCAL, TOS_ROUTING } from "./dst.ts";
import { FIRST_IN, FragmentQueue, LAST_IN, type Piece } from "./fragment-queue.ts";

const MALFORMED = dropReason("ip: fragment overlaps or is malformed");
const TIMED_OUT = dropReason("ip: reassembly timed out");
const MEMORY_FULL = dropReason("ip: reassembly memory full");

/** sizeof(struct ipq), measured on Linux 6.18. */
const QUEUE_MEMORY = 200;

/** Counters as `/proc/net/snmp` names them. */
export interface ReassemblyStats {
  reasmReqds: number;
  reasmOks: number;
  reasmFails: number;
  reasmTimeout: number;
  reasmOverlaps: number;
}

/** Puts fragments together again (net/ipv4/ip_fragment.c): RFC 791 §3.2, RFC 5722 on overlaps, RFC 3168 §5.3 on ECN. */
export class Reassembly {
  readonly stats: ReassemblyStats = { reasmReqds: 0, reasmOks: 0, reasmFails: 0, reasmTimeout: 0, reasmOverlaps: 0 };
  /** Octets that all queues hold, as Linux counts them: what `ipfrag_high_thresh` bounds. */
  memory = 0;
  /** Octets of the longest fragment of the datagram that `add` gave last. */
  longest = 0;
  readonly #kernel: Kernel;
  /** By hash, then chained. */
  #buckets: Map<number, FragmentQueue> | null = null;
  #alarm: Alarm | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Datagrams that wait for more. */
  get queues(): number {
    let count = 0;
    for (const _ of this.#all()) count++;
    return count;
  }

  /**
   * Takes a fragment (`p.start` and `p.net` at its IP header), and ownership of it; gives back the datagram, in the same
   * form, when it is whole (net/ipv4/ip_fragment.c:ip_defrag).
   */
  add(p: Packet, dev: NetDevice): Packet | null {
    const kernel = this.#kernel;
    this.stats.reasmReqds++;
    if (this.memory > kernel.sysctl.ipfrag_high_thresh || kernel.sysctl.ipfrag_high_thresh === 0) {
      this.stats.reasmFails++;
      kernel.drop(p, MEMORY_FULL, dev.name);
      return null;
    }
    const q = this.#find(p);
    if (this.#tooFar(q)) this.#restart(q, dev);
    return this.#queue(q, p, dev);
  }

  /** net/ipv4/ip_fragment.c:ip_frag_queue. */
  #queue(q: FragmentQueue, p: Packet, dev: NetDevice): Packet | null {
    const { buf, net } = p;
    const header = headerLength(buf, net);
    const offset = fragmentOffset(buf, net);
    let end = offset + p.end - net - header;
    if (moreFragments(buf, net)) {
      end &= ~7;
      if (end > q.length) {
        if ((q.flags & LAST_IN) !== 0) return this.#discard(q, p, dev); // data beyond the end
        q.length = end;
      }
    } else {
      if (end < q.length || ((q.flags & LAST_IN) !== 0 && end !== q.length)) return this.#discard(q, p, dev);
      q.flags |= LAST_IN;
      q.length = end;
    }
    if (end <= offset) return this.#discard(q, p, dev);
    p.trim(header + end - offset);
    const insertion = q.insert({ p, header, offset, bytes: end - offset });
    if (insertion === "overlap") {
      this.stats.reasmOverlaps++;
      return this.#discard(q, p, dev);
    }
    if (insertion === "duplicate") {
      this.#kernel.drop(p, MALFORMED, dev.name);
      return null;
    }
    this.#account(q, p, dev, offset, end - offset + header);
    return q.complete ? this.#join(q, dev) : null;
  }

  #account(q: FragmentQueue, p: Packet, dev: NetDevice, offset: number, size: number): void {
    q.iif = dev.ifindex;
    q.meat += size - headerLength(p.buf, p.net);
    q.ecn |= 1 << ecn(p.buf, p.net);
    if (offset === 0) q.flags |= FIRST_IN;
    if (size > q.maxSize) q.maxSize = size;
    if (dontFragment(p.buf, p.net) && size > q.maxDfSize) q.maxDfSize = size;
    const memory = truesize(p.end - p.start);
    q.memory += memory;
    this.memory += memory;
  }

  /** net/ipv4/ip_fragment.c:ip_frag_reasm. */
  #join(q: FragmentQueue, dev: NetDevice): Packet | null {
    const pieces = [...q.pieces()];
    const head = pieces[0] as Piece;
    const length = head.header + q.length;
    const congestion = ECN_OF_WHOLE[q.ecn] as number;
    if (congestion < 0 || length > LENGTH_MAX) {
      this.#kill(q, MALFORMED, dev.name);
      return null;
    }
    const whole = this.#kernel.sim.pool.alloc(length);
    const { buf, start } = whole;
    buf.set(head.p.buf.subarray(head.p.net, head.p.net + head.header), start);
    for (const { p, header, offset } of pieces)
      buf.set(p.buf.subarray(p.net + header, p.end), start + head.header + offset);
    inherit(whole, head.p);
    addSums(whole, head.header, pieces);
    setTos(buf, start, tos(buf, start) | congestion);
    setFlagsAndOffset(buf, start, q.maxDfSize === q.maxSize ? IP_DF : 0);
    seal(buf, start, whole.end);
    this.#unlink(q);
    for (const { p } of pieces) this.#kernel.consume(p);
    this.stats.reasmOks++;
    this.longest = q.maxSize;
    return whole;
  }

  /** The fragment and all that belongs to it are bad. */
  #discard(q: FragmentQueue, p: Packet, dev: NetDevice): null {
    this.#kernel.drop(p, MALFORMED, dev.name);
    this.#kill(q, MALFORMED, dev.name);
    return null;
  }

  #kill(q: FragmentQueue, reason: DropReason, where: string): void {
    this.stats.reasmFails++;
    this.#unlink(q);
    for (const { p } of q.pieces()) this.#kernel.drop(p, reason, where);
  }

  /** net/ipv4/ip_fragment.c:ip_frag_too_far: the sender made so many fragments since that its counter may have come round. */
  #tooFar(q: FragmentQueue): boolean {
    const kernel = this.#kernel;
    const max = kernel.sysctl.ipfrag_max_dist;
    if (max === 0) return false;
    const before = q.count;
    q.count = ++kernel.ipv4.peers.get(q.src >>> 0).fragments;
    const far = q.runs.length > 0 && q.count - before > max;
    if (far) this.stats.reasmFails++;
    return far;
  }

  /** net/ipv4/ip_fragment.c:ip_frag_reinit. */
  #restart(q: FragmentQueue, dev: NetDevice): void {
    for (const { p } of q.pieces()) this.#kernel.drop(p, TIMED_OUT, dev.name);
    this.memory -= q.memory;
    q.reset();
    q.expiresAt = this.#expiry();
  }

  #find(p: Packet): FragmentQueue {
    const src = srcI32(p.buf, p.net);
    const dst = dstI32(p.buf, p.net);
    const key = (protocol(p.buf, p.net) << 16) | id(p.buf, p.net);
    const hash = hashOf(src, dst, key);
    this.#buckets ??= new Map();
    const first = this.#buckets.get(hash) ?? null;
    for (let q = first; q !== null; q = q.chain) if (q.src === src && q.dst === dst && q.key === key) return q;
    const fresh = new FragmentQueue(src, dst, key, this.#expiry());
    fresh.chain = first;
    this.#buckets.set(hash, fresh);
    this.memory += QUEUE_MEMORY;
    return fresh;
  }

  #unlink(q: FragmentQueue): void {
    const buckets = this.#buckets as Map<number, FragmentQueue>;
    const hash = hashOf(q.src, q.dst, q.key);
    let before = buckets.get(hash) as FragmentQueue;
    if (before !== q) {
      while (before.chain !== q) before = before.chain as FragmentQueue;
      before.chain = q.chain;
    } else if (q.chain === null) buckets.delete(hash);
    else buckets.set(hash, q.chain);
    this.memory -= QUEUE_MEMORY + q.memory;
  }

  *#all(): Generator<FragmentQueue> {
    for (const first of this.#buckets?.values() ?? [])
      for (let q: FragmentQueue | null = first; q !== null; q = q.chain) yield q;
  }

  /** When a queue that begins now is given up; sees to it that somebody looks then. */
  #expiry(): number {
    const { sim, name, sysctl } = this.#kernel;
    const at = sim.now + sysctl.ipfrag_time * S;
    this.#alarm ??= new Alarm(sim, name, () => this.#ring());
    if (at < this.#alarm.deadline) this.#alarm.set(at);
    return at;
  }

  #ring(): void {
    const now = this.#kernel.sim.now;
    let next = NEVER;
    const due: FragmentQueue[] = [];
    for (const q of this.#all()) {
      if (q.expiresAt <= now) due.push(q);
      else next = Math.min(next, q.expiresAt);
    }
    this.#alarm?.set(next);
    for (const q of due) this.#expire(q);
  }

  /** net/ipv4/ip_fragment.c:ip_expire. */
  #expire(q: FragmentQueue): void {
    const kernel = this.#kernel;
    const dev = kernel.deviceByIndex(q.iif);
    this.stats.reasmTimeout++;
    const head = (q.flags & FIRST_IN) !== 0 ? q.runs[0]?.pieces[0]?.p : undefined;
    if (head !== undefined && dev !== undefined) {
      const d = kernel.ipv4.routes.input(q.dst, q.src, dev, tos(head.buf, head.net) & TOS_ROUTING, head.mark);
      // RFC 792: only who was to put it together answers, and only when the first fragment is there to be quoted.
      if (d.type === DST_LOCAL) kernel.icmp.error(head, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
    }
    this.#kill(q, TIMED_OUT, dev?.name ?? kernel.name);
  }
}

/** net/ipv4/inet_fragment.c:ip_frag_ecn_table: the ECN bits to add by the codepoints seen; -1: the datagram is dropped. */
const ECN_OF_WHOLE: readonly number[] = Array.from({ length: 16 }, (_, seen) => {
  const capable = (seen & 0b0110) !== 0;
  const congested = (seen & 0b1000) !== 0;
  if ((seen & 0b0001) !== 0) return capable || congested ? -1 : 0;
  return capable && congested ? 3 : 0;
});

/** skb->truesize of a fragment whose IP packet has `length` octets, as measured on Linux 6.18 with veth. */
function truesize(length: number): number {
  const needed = length + 350;
  return 256 + (needed <= 576 ? 576 : 2 ** (32 - Math.clz32(needed - 1)));
}

function hashOf(src: number, dst: number, key: number): number {
  const h = Math.imul(src ^ Math.imul(dst, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(key, 0xc2b2ae35);
  return h ^ (h >>> 15);
}

function inherit(whole: Packet, head: Packet): void {
  whole.net = whole.start;
  whole.iif = head.iif;
  whole.mark = head.mark;
  whole.priority = head.priority;
  whole.type = head.type;
  whole.depth = head.depth;
  whole.note = head.note;
  if (head.trail !== null) whole.trail = head.trail.fork();
}

/** The sum of what follows the first 8 octets of data, from the sums that the pieces have: nothing is added up twice. */
function addSums(whole: Packet, header: number, pieces: readonly Piece[]): void {
  let sum = 0;
  for (const piece of pieces) {
    const data = piece.p.net + piece.header;
    sum += piece.p.sumOf(piece.offset === 0 ? data + 8 : data);
  }
  whole.sum = fold16(sum);
  whole.sumFrom = whole.start + header + 8;
}
