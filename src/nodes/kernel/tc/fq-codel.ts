import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { Nanos } from "../../../core/time.ts";
import { flowSeed } from "../dev/flow-hash.ts";
import { truesize } from "../send-buffer.ts";
import { Codel, codelNow, codelSpan } from "./codel.ts";
import { longestFrame } from "./fifo.ts";
import { FilterChain, result, stolen, TC_SHOT } from "./filters/filter.ts";
import { type Handle, majorOf, minorOf } from "./handle.ts";
import { Qdisc, XMIT_BYPASS, XMIT_CN, XMIT_OK, XMIT_STOLEN, type Xmit } from "./qdisc.ts";
import { markCongestion, skbHash, skbLength } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const FULL = dropReason("qdisc: queue full");
const EMPTIED = dropReason("qdisc: emptied");
const FILTERED = dropReason("qdisc: dropped by a filter");
const LATE = dropReason("qdisc: waited too long");

const FLOWS_MAX = 65_536;

/** What is not given stays as it is, or as it is by default. Times in microseconds. */
export interface FqCodelOptions {
  readonly limit?: number;
  readonly flows?: number;
  readonly targetUs?: number;
  readonly intervalUs?: number;
  readonly quantum?: number;
  readonly ecn?: boolean;
  readonly ceThresholdUs?: number;
  readonly memoryLimit?: number;
  readonly dropBatch?: number;
}

/** One flow's packets, and when each came. */
class Flow {
  readonly index: number;
  readonly codel = new Codel();
  readonly packets: Packet[] = [];
  readonly times: Nanos[] = [];
  head = 0;
  deficit = 0;
  dropped = 0;
  listed = false;

  constructor(index: number) {
    this.index = index;
  }

  get size(): number {
    return this.packets.length - this.head;
  }
  push(p: Packet, at: Nanos): void {
    this.packets.push(p);
    this.times.push(at);
  }
  /** When the first packet came; to be asked before `shift`. */
  get firstAt(): Nanos {
    return this.times[this.head] as Nanos;
  }
  shift(): Packet | null {
    if (this.size === 0) return null;
    const p = this.packets[this.head++] as Packet;
    if (this.head === this.packets.length || this.head > 1024) {
      this.packets.splice(0, this.head);
      this.times.splice(0, this.head);
      this.head = 0;
    }
    return p;
  }
}

/** Flow queues under CoDel, served in turn, new flows first (RFC 8290, net/sched/sch_fq_codel.c). */
export class FqCodel extends Qdisc {
  override readonly kind = "fq_codel";
  limit = 10 * 1024;
  flowCount = 1024;
  quantum: number;
  target: Nanos = codelSpan(5000);
  interval: Nanos = codelSpan(100_000);
  ecn = true;
  /** undefined: no threshold. */
  ceThreshold: Nanos | undefined;
  memoryLimit = 32 << 20;
  dropBatch = 64;

  memoryUsage = 0;
  dropOverMemory = 0;
  dropOverLimit = 0;
  newFlowCount = 0;
  ecnMarks = 0;
  ceMarks = 0;
  maxPacket = 0;
  /** Flows that have not had a turn, and those that have: the first is served. */
  readonly newFlows: Flow[] = [];
  readonly oldFlows: Flow[] = [];
  #flows: (Flow | undefined)[] = [];
  #backlogs = new Float64Array(0);
  readonly #seed: number;
  readonly #mtu: number;
  #filters: FilterChain | undefined;
  /** Packets and bytes that were dropped while looking for one, and are still counted above. */
  #droppedPackets = 0;
  #droppedBytes = 0;

  private constructor(tx: TxQueue, handle: Handle) {
    super(tx, handle);
    this.#seed = flowSeed(tx.dev.kernel);
    this.#mtu = longestFrame(tx.dev);
    this.quantum = this.#mtu;
  }

  static create(tx: TxQueue, handle: Handle, options: FqCodelOptions): Outcome<FqCodel> {
    const q = new FqCodel(tx, handle);
    const flows = options.flows ?? q.flowCount;
    if (flows === 0 || flows > FLOWS_MAX) return refused("EINVAL");
    q.flowCount = flows;
    q.#flows = new Array(flows).fill(undefined);
    q.#backlogs = new Float64Array(flows);
    q.#apply(options);
    return granted(q);
  }

  /** The number of flows is fixed when the qdisc is made. */
  change(options: FqCodelOptions): Outcome {
    if (options.flows !== undefined) return refused("EINVAL");
    this.#apply(options);
    while (this.qlen > this.limit || this.memoryUsage > this.memoryLimit) {
      const p = this.dequeue();
      if (p === null) break;
      this.reduceAbove(1, skbLength(p, this.dev));
      this.kill(p, FULL);
    }
    return done;
  }

  override enqueue(p: Packet, length: number): Xmit {
    const index = this.#classify(p, length);
    if (typeof index === "string") {
      if (index === "shot") this.drops++;
      this.kill(p, FILTERED);
      return index === "shot" ? XMIT_BYPASS : XMIT_STOLEN;
    }
    const flow = (this.#flows[index] ??= new Flow(index));
    flow.push(p, codelNow(this.dev.kernel.sim.now));
    this.#backlogs[index]! += length;
    this.backlog += length;
    if (!flow.listed) {
      flow.listed = true;
      this.newFlows.push(flow);
      this.newFlowCount++;
      flow.deficit = this.quantum;
      flow.dropped = 0;
    }
    this.memoryUsage += this.#memoryOf(length);
    const full = this.memoryUsage > this.memoryLimit;
    if (++this.qlen <= this.limit && !full) return XMIT_OK;
    return this.#overflow(index, length, full);
  }

  override dequeue(): Packet | null {
    const p = this.#next();
    if (this.#droppedPackets > 0) {
      this.reduceAbove(this.#droppedPackets, this.#droppedBytes);
      this.#droppedPackets = 0;
      this.#droppedBytes = 0;
    }
    return p;
  }

  protected override clear(): void {
    for (const flow of this.#flows) {
      for (let p = flow?.shift() ?? null; p !== null; p = flow?.shift() ?? null) this.kill(p, EMPTIED);
    }
    this.#flows.fill(undefined);
    this.#backlogs.fill(0);
    this.newFlows.length = 0;
    this.oldFlows.length = 0;
    this.memoryUsage = 0;
  }
  override destroy(): void {
    this.#filters?.destroy();
    super.destroy();
  }

  /** Flows that have packets, by index, as classes. */
  override *classids(): Generator<Handle> {
    for (const flow of this.#flows) if (flow?.listed) yield (this.handle | (flow.index + 1)) >>> 0;
  }
  /** A flow as `tc -s class show` tells of it. */
  flowOf(classid: Handle): { readonly flow: Flow; readonly backlog: number } | undefined {
    const flow = this.#flows[minorOf(classid) - 1];
    return flow === undefined ? undefined : { flow, backlog: this.#backlogs[flow.index] as number };
  }
  override filterChain(classid: Handle): FilterChain | undefined {
    return classid === 0 ? (this.#filters ??= new FilterChain(this)) : undefined;
  }

  #apply(o: FqCodelOptions): void {
    if (o.targetUs !== undefined) this.target = codelSpan(o.targetUs);
    if (o.ceThresholdUs !== undefined) this.ceThreshold = codelSpan(o.ceThresholdUs);
    if (o.intervalUs !== undefined) this.interval = codelSpan(o.intervalUs);
    this.limit = o.limit ?? this.limit;
    this.ecn = o.ecn ?? this.ecn;
    if (o.quantum !== undefined) this.quantum = Math.max(256, o.quantum);
    if (o.dropBatch !== undefined) this.dropBatch = Math.max(1, o.dropBatch);
    if (o.memoryLimit !== undefined) this.memoryLimit = Math.min(2 ** 31, o.memoryLimit);
    this.mayBypass = this.limit >= 1;
  }

  #memoryOf(length: number): number {
    return truesize(length - this.dev.headerLength);
  }

  /** The index of a packet's flow, or what else becomes of it (fq_codel_classify). */
  #classify(p: Packet, length: number): number | "shot" | "stolen" {
    const minor = minorOf(p.priority);
    if (p.priority !== 0 && majorOf(p.priority) === this.handle && minor > 0 && minor <= this.flowCount)
      return minor - 1;
    if (this.#filters === undefined || this.#filters.protos.length === 0) {
      return Math.floor((skbHash(p, this.dev, this.#seed) * this.flowCount) / 2 ** 32);
    }
    const verdict = this.#filters.classify(p, this.dev, length);
    if (stolen(verdict)) return "stolen";
    const flow = minorOf(result.classid);
    return verdict < 0 || verdict === TC_SHOT || flow === 0 || flow > this.flowCount ? "shot" : flow - 1;
  }

  /** Too many packets, or too much memory: half of the fattest flow goes, up to a batch (fq_codel_drop). */
  #overflow(index: number, length: number, memory: boolean): Xmit {
    let fattest = 0;
    let most = 0;
    for (let i = 0; i < this.flowCount; i++) {
      if ((this.#backlogs[i] as number) > most) {
        most = this.#backlogs[i] as number;
        fattest = i;
      }
    }
    const flow = this.#flows[fattest] as Flow;
    let packets = 0;
    let bytes = 0;
    do {
      const p = flow.shift();
      if (p === null) break;
      bytes += this.#forget(flow, p);
      this.drop(p, FULL);
    } while (++packets < this.dropBatch && bytes < Math.floor(most / 2));
    flow.dropped += packets;
    this.dropOverLimit += packets;
    if (memory) this.dropOverMemory += packets;
    if (fattest === index) {
      this.reduceAbove(packets - 1, bytes - length);
      return XMIT_CN;
    }
    this.reduceAbove(packets, bytes);
    return XMIT_OK;
  }

  /** A packet has been taken out of its flow. Returns its length. */
  #forget(flow: Flow, p: Packet): number {
    const length = skbLength(p, this.dev);
    this.#backlogs[flow.index]! -= length;
    this.memoryUsage -= this.#memoryOf(length);
    this.backlog -= length;
    this.qlen--;
    return length;
  }

  /** The flow whose turn it is gives a packet (RFC 8290 §4.2, fq_codel_dequeue). */
  #next(): Packet | null {
    for (;;) {
      const list = this.newFlows.length > 0 ? this.newFlows : this.oldFlows;
      const flow = list[0];
      if (flow === undefined) return null;
      if (flow.deficit <= 0) {
        flow.deficit += this.quantum;
        list.shift();
        this.oldFlows.push(flow);
        continue;
      }
      const p = this.#takeFrom(flow);
      if (p !== null) {
        const length = skbLength(p, this.dev);
        this.count(length);
        flow.deficit -= length;
        return p;
      }
      list.shift();
      if (list === this.newFlows && this.oldFlows.length > 0) this.oldFlows.push(flow);
      else flow.listed = false;
    }
  }

  /** A packet of the flow that CoDel lets through (include/net/codel_impl.h:codel_dequeue). */
  #takeFrom(flow: Flow): Packet | null {
    const { codel } = flow;
    const now = codelNow(this.dev.kernel.sim.now);
    let p = this.#shift(flow);
    if (p === null) {
      codel.dropping = false;
      return null;
    }
    let late = this.#isLate(flow, p, now);
    if (codel.dropping) {
      if (!late) codel.dropping = false;
      while (p !== null && codel.dropping && now >= codel.dropNext) {
        codel.countDrop();
        if (this.#mark(flow, p)) {
          codel.schedule(codel.dropNext, this.interval);
          break;
        }
        this.#dropLate(flow, p);
        p = this.#shift(flow);
        late = this.#isLate(flow, p, now);
        if (late) codel.schedule(codel.dropNext, this.interval);
        else codel.dropping = false;
      }
    } else if (late) {
      if (!this.#mark(flow, p)) {
        this.#dropLate(flow, p);
        p = this.#shift(flow);
        this.#isLate(flow, p, now);
      }
      codel.begin(this, now);
    }
    if (p !== null && this.ceThreshold !== undefined && codel.delay > this.ceThreshold && markCongestion(p, this.dev)) {
      this.ceMarks++;
    }
    return p;
  }

  /** CoDel's smallest backlog. */
  get mtu(): number {
    return this.#mtu;
  }

  /** When the packet came that `#shift` gave last. */
  #cameAt: Nanos = 0;
  #shift(flow: Flow): Packet | null {
    if (flow.size === 0) return null;
    this.#cameAt = flow.firstAt;
    const p = flow.shift() as Packet;
    this.#forget(flow, p);
    return p;
  }

  #isLate(flow: Flow, p: Packet | null, now: Nanos): boolean {
    if (p === null) {
      flow.codel.emptied();
      return false;
    }
    this.maxPacket = Math.max(this.maxPacket, skbLength(p, this.dev));
    return flow.codel.shouldDrop(this, this.#cameAt, this.backlog, now);
  }
  #mark(flow: Flow, p: Packet): boolean {
    if (!this.ecn || !markCongestion(p, this.dev)) return false;
    this.ecnMarks++;
    flow.dropped++;
    return true;
  }
  #dropLate(flow: Flow, p: Packet): void {
    flow.dropped++;
    this.#droppedPackets++;
    this.#droppedBytes += skbLength(p, this.dev);
    this.drop(p, LATE);
  }
}
