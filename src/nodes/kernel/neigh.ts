import type { Ipv4, Mac } from "../../core/addr.ts";
import { dropReason } from "../../core/drop.ts";
import type { Packet } from "../../core/packet.ts";
import { Alarm, type Simulation } from "../../core/sim.ts";
import { MS, type Nanos, NEVER } from "../../core/time.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_MPLS } from "../../protocols/ethernet/wire.ts";
import type { NeighTable } from "./neigh-table.ts";
import type { NetDevice } from "./netdev.ts";
import { sawWait } from "./saw.ts";

/** Neighbour states as Linux has them (`include/net/neighbour.h`). */
export type NeighState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

const FAILED = dropReason("neigh: resolution failed");
const QUEUE_FULL = dropReason("neigh: queue full");

/** One neighbour on one device: its link address, and how sure we are of it. */
export class Neighbour {
  // What every packet asks for stands first, so that it shares cache lines.
  readonly #sim: Simulation;
  readonly dev: NetDevice;
  /** Its address is sure: a header can be written and nothing is to be done first (NUD_CONNECTED). */
  ready = false;
  /** Removed from the table: whoever cached it must look again. */
  dead = false;
  /** When it was used last while its address was not sure, in whole milliseconds. */
  usedMs = 0;
  /** The Ethernet header as words, ready to be stored: destination, source; the type is IPv4's. */
  #w0 = 0;
  #w1 = 0;
  #w2 = 0;

  readonly ip: Ipv4;
  mac: Mac = 0;
  state: NeighState = "none";
  confirmedAt: Nanos = 0;
  updatedAt: Nanos = 0;
  probes = 0;
  readonly #table: NeighTable;
  #alarm: Alarm | null = null;
  #queue: Packet[] | null = null;
  #queuedBytes = 0;

  constructor(table: NeighTable, dev: NetDevice, ip: Ipv4) {
    this.#sim = table.kernel.sim;
    this.#table = table;
    this.dev = dev;
    this.ip = ip;
    const { now } = this.#sim;
    this.usedMs = (now / MS) | 0;
    this.updatedAt = now;
    this.confirmedAt = now - 2 * dev.inet.neighParms.baseReachableNs; // ___neigh_create
  }

  /** Sends an IPv4 packet to this neighbour, or keeps it until the address is known. Takes ownership. */
  output(p: Packet): void {
    if (!this.ready && !this.#resolve(p)) return;
    this.address(p);
    this.dev.send(p);
  }

  /** Likewise a packet whose label stack is at `p.start`; `p.net` is 0, which tells it from others while it waits. */
  outputLabelled(p: Packet): void {
    if (!this.ready && !this.#resolve(p)) return;
    this.address(p);
    p.view.setInt16(p.start + 12, ETHERTYPE_MPLS);
    this.dev.send(p);
  }

  /** Puts the link header in front of an IPv4 packet: the address is known. */
  address(p: Packet): void {
    if (this.dev.headerLength === 0) return;
    p.push(14);
    const view = p.view;
    const o = p.start;
    view.setInt32(o, this.#w0);
    view.setInt32(o + 4, this.#w1);
    view.setInt32(o + 8, this.#w2);
    view.setInt16(o + 12, ETHERTYPE_IPV4);
  }

  /** When it was used last; to the millisecond. */
  get usedAt(): Nanos {
    return this.usedMs * MS;
  }
  /** A header can be written, though it may be old. */
  get valid(): boolean {
    return isValid(this.state);
  }

  /** Starts asking for its address, or whether it is still there, with nothing to send yet (`neigh_event_send`). */
  probe(): void {
    if (!this.ready) this.#resolve(null);
  }

  /** The header was computed from addresses that changed. */
  refreshHeader(): void {
    const source = this.dev.mac;
    this.#w0 = Math.floor(this.mac / 0x1_0000) | 0;
    this.#w1 = ((this.mac & 0xffff) << 16) | Math.floor(source / 0x1_0000_0000);
    this.#w2 = source | 0;
  }

  /** net/core/neighbour.c:neigh_update. `override` lets another link address replace the known one. */
  update(mac: Mac | undefined, state: NeighState, override: boolean, admin = false): void {
    const now = this.#table.kernel.sim.now;
    const old = this.state;
    const wasValid = isValid(old);
    if (!admin && (old === "noarp" || old === "permanent")) return;
    let next = state;
    if (!isValid(next)) return this.#invalidate(next);
    const address = mac ?? this.mac;
    const sameAddress = wasValid && address === this.mac;
    if (isConnected(next)) this.confirmedAt = now;
    if (wasValid && !sameAddress && !override) return;
    if (sameAddress && next === "stale" && !admin) next = old;
    if (next !== old || !sameAddress) this.updatedAt = now;
    if (!sameAddress) {
      this.mac = address;
      this.refreshHeader();
      if (!isConnected(next)) this.confirmedAt = now - 2 * this.dev.inet.neighParms.baseReachableNs;
    }
    if (next !== old) {
      if (next === "probe") this.probes = 0;
      this.#enter(next, next === "reachable" ? now + this.#table.reachableNs(this.dev) : isTimed(next) ? now : NEVER);
    }
    if (!wasValid) this.#flushQueue();
  }

  /** A higher layer has had an answer from it (`neigh_confirm`). */
  confirm(): void {
    this.confirmedAt = this.#table.kernel.sim.now;
  }

  /** The neighbour leaves the table: waiting packets are dropped. */
  die(): void {
    this.dead = true;
    this.ready = false;
    this.#alarm?.set(NEVER);
    this.#dropQueue();
  }

  /** net/core/neighbour.c:__neigh_event_send. True when the packet may go now. */
  #resolve(p: Packet | null): boolean {
    const kernel = this.#table.kernel;
    this.usedMs = (kernel.sim.now / MS) | 0;
    if (this.dead) {
      if (p !== null) kernel.drop(p, FAILED, this.dev.name);
      return false;
    }
    const parms = this.dev.inet.neighParms;
    if (isTimed(this.state)) return true;
    if (this.state === "stale") {
      this.updatedAt = kernel.sim.now;
      this.#enter("delay", kernel.sim.now + parms.delayFirstProbeNs);
      return true;
    }
    const idle = this.state !== "incomplete";
    if (idle && parms.mcastSolicit + parms.appSolicit === 0) {
      this.#enter("failed", NEVER);
      if (p !== null) kernel.drop(p, FAILED, this.dev.name);
      return false;
    }
    if (idle) {
      this.probes = parms.ucastSolicit;
      this.updatedAt = kernel.sim.now;
      this.#enter("incomplete", kernel.sim.now + parms.retransNs);
    }
    if (p !== null) {
      if (p.trail !== null) sawWait(p, this);
      this.#enqueue(p);
    }
    if (idle) this.#solicit();
    return false;
  }

  #enqueue(p: Packet): void {
    this.#queue ??= [];
    this.#queuedBytes += truesize(p.length);
    while (this.#queuedBytes > this.dev.inet.neighParms.unresQueueBytes) {
      const oldest = this.#queue.shift();
      if (oldest === undefined) break;
      this.#queuedBytes -= truesize(oldest.length);
      this.#table.kernel.drop(oldest, QUEUE_FULL, this.dev.name);
    }
    this.#queue.push(p);
  }

  #flushQueue(): void {
    const queue = this.#takeQueue();
    for (const p of queue) {
      if (p.net === 0) this.outputLabelled(p);
      else this.output(p);
    }
  }
  #dropQueue(): void {
    for (const p of this.#takeQueue()) this.#table.kernel.drop(p, FAILED, this.dev.name);
  }
  #takeQueue(): readonly Packet[] {
    const queue = this.#queue ?? [];
    this.#queue = null;
    this.#queuedBytes = 0;
    return queue;
  }

  #enter(state: NeighState, wakeAt: Nanos): void {
    const old = this.state;
    this.state = state;
    this.ready = isConnected(state);
    if (old !== state && (old === "permanent" || state === "permanent")) this.#table.exempted(state === "permanent");
    if (wakeAt !== NEVER || this.#alarm !== null) {
      this.#alarm ??= new Alarm(this.#table.kernel.sim, this.#table.kernel.name, () => this.#tick());
      this.#alarm.set(wakeAt);
    }
    if (old !== state) this.#table.changed(this, old);
  }

  #invalidate(state: NeighState): void {
    const old = this.state;
    this.#enter(state, NEVER);
    if (old !== "incomplete" && old !== "probe") return;
    this.updatedAt = this.#table.kernel.sim.now;
    this.#fail();
  }

  /** net/core/neighbour.c:neigh_timer_handler. */
  #tick(): void {
    const now = this.#table.kernel.sim.now;
    const parms = this.dev.inet.neighParms;
    switch (this.state) {
      case "reachable": {
        const until = this.confirmedAt + this.#table.reachableNs(this.dev);
        if (now < until) return this.#alarm?.set(until);
        this.updatedAt = now;
        if (now <= this.usedMs * MS + parms.delayFirstProbeNs)
          return this.#enter("delay", now + parms.delayFirstProbeNs);
        return this.#enter("stale", NEVER);
      }
      case "delay":
        this.updatedAt = now;
        if (now <= this.confirmedAt + parms.delayFirstProbeNs) {
          return this.#enter("reachable", this.confirmedAt + this.#table.reachableNs(this.dev));
        }
        this.probes = 0;
        this.#enter("probe", now + parms.retransNs);
        return this.#solicit();
      case "incomplete":
      case "probe":
        if (this.probes >= this.#probesMax()) {
          this.updatedAt = now;
          this.#enter("failed", NEVER);
          return this.#fail();
        }
        this.#alarm?.set(now + parms.retransNs);
        return this.#solicit();
      default:
        return;
    }
  }

  #probesMax(): number {
    const parms = this.dev.inet.neighParms;
    return parms.ucastSolicit + parms.appSolicit + (this.state === "probe" ? parms.mcastResolicit : parms.mcastSolicit);
  }

  #solicit(): void {
    const { ucastSolicit, appSolicit } = this.dev.inet.neighParms;
    const sent = this.probes++;
    if (sent >= ucastSolicit && sent < ucastSolicit + appSolicit) return; // for a program that listens to netlink: there is none
    this.#table.solicit(this, sent < ucastSolicit ? this.mac : this.dev.broadcast, this.#queue?.at(-1));
  }

  /** net/ipv4/arp.c:arp_error_report: every waiting packet's sender is told. */
  #fail(): void {
    const { kernel } = this.#table;
    for (const p of this.#takeQueue()) {
      if (p.net === 0) kernel.drop(p, FAILED, this.dev.name);
      else kernel.ipv4.linkFailure(p, FAILED, this.dev);
    }
  }
}

/** Whether its link address is known (NUD_VALID). */
export const isValid = (s: NeighState): boolean => s !== "none" && s !== "incomplete" && s !== "failed";
const isConnected = (s: NeighState): boolean => s === "permanent" || s === "noarp" || s === "reachable";
const isTimed = (s: NeighState): boolean => s === "delay" || s === "probe";

/** skb->truesize of an IPv4 datagram, which `unres_qlen_bytes` counts: 832, 1280 or 2304 octets (measured on Linux 6.18). */
function truesize(length: number): number {
  const head = ((length + 31 + 63) & ~63) + 320;
  return 256 + (head <= 576 ? 576 : 2 ** (32 - Math.clz32(head - 1)));
}
