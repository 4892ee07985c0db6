import type { OsAlarm } from "../../core/os.ts";
import { MS, type Nanos, NEVER } from "../../core/time.ts";
import { bodyMax } from "./auth.ts";
import type { Slot } from "./lsdb.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import { sendUpdatesTo } from "./update.ts";

/**
 * Updates that keep a distance (RFC 4222 recommendation 4; ospfd/ospf_packet.c:ospf_r4_*): what is flooded waits in a queue of each neighbour and leaves a few
 * advertisements at a time. The gap grows by a factor while much is not acknowledged, and shrinks while little is.
 */

/** `ip ospf lsa-pacing …`; what is not set has its default. Gaps and intervals in milliseconds. */
export interface LsaPacingSettings {
  readonly enabled: boolean;
  readonly initialMs?: number | undefined;
  readonly gapMs?: { readonly min: number; readonly max: number } | undefined;
  readonly factor?: number | undefined;
  readonly adjustMs?: number | undefined;
  readonly marks?: { readonly low: number; readonly high: number } | undefined;
  readonly maxLsas?: number | undefined;
}
/** ospfd/ospf_interface.h:OSPF_GAP_*. */
const GAP_DEFAULTS = { initialMs: 20, gapMs: { min: 20, max: 1000 }, factor: 2, adjustMs: 1000 } as const;
const MARKS = { low: 2, high: 100 };
const MAX_LSAS = 1;

/** The distances of one interface. */
export class LsaPacing {
  readonly initial: Nanos;
  readonly min: Nanos;
  readonly max: Nanos;
  readonly factor: number;
  readonly adjustEvery: Nanos;
  readonly low: number;
  readonly high: number;
  /** Advertisements in one update, at most. */
  readonly maxLsas: number;

  constructor(s: LsaPacingSettings) {
    const { min, max } = s.gapMs ?? GAP_DEFAULTS.gapMs;
    this.min = min * MS;
    this.max = max * MS;
    this.initial = Math.min(Math.max((s.initialMs ?? GAP_DEFAULTS.initialMs) * MS, this.min), this.max);
    this.factor = s.factor ?? GAP_DEFAULTS.factor;
    this.adjustEvery = (s.adjustMs ?? GAP_DEFAULTS.adjustMs) * MS;
    const { low, high } = s.marks ?? MARKS;
    this.low = low;
    this.high = high;
    this.maxLsas = s.maxLsas ?? MAX_LSAS;
  }
}

/** What waits to be sent to one neighbour. */
export class PacedQueue {
  readonly waiting = new Set<Slot>();
  /** When those that are not acknowledged were sent last. */
  readonly sentAt = new Map<Slot, Nanos>();
  gap: Nanos;
  nextAt: Nanos;
  #changedAt: Nanos = Number.NEGATIVE_INFINITY;
  readonly #n: Neighbor;
  readonly #sent: (n: Neighbor, slot: Slot) => void;
  readonly #timer: OsAlarm;

  /** `sent`: an advertisement has left, and has to be acknowledged from now on. */
  constructor(n: Neighbor, pacing: LsaPacing, sent: (n: Neighbor, slot: Slot) => void) {
    const { ospf } = n.oi;
    this.#n = n;
    this.#sent = sent;
    this.gap = pacing.initial;
    this.nextAt = ospf.now;
    this.#timer = ospf.alarm(() => this.#send());
  }

  /** The newest instance of an advertisement goes to the end of the queue. */
  add(slot: Slot): void {
    this.waiting.delete(slot);
    this.waiting.add(slot);
    if (this.#timer.deadline === NEVER) this.#timer.set(Math.max(this.nextAt, this.#n.oi.ospf.now));
  }
  /** The neighbour has an advertisement, or is not to get it any more. */
  forget(slot: Slot): void {
    this.waiting.delete(slot);
    this.sentAt.delete(slot);
  }
  clear(): void {
    this.waiting.clear();
    this.sentAt.clear();
    this.#timer.set(NEVER);
  }
  /** The distances are others. */
  retune(pacing: LsaPacing): void {
    this.gap = pacing.initial;
    this.nextAt = Math.max(this.nextAt, this.#n.oi.ospf.now);
  }
  /** So many advertisements have left for the neighbour. */
  charge(count: number): void {
    this.nextAt = Math.max(this.nextAt, this.#n.oi.ospf.now) + this.gap * count;
  }

  /** ospfd/ospf_packet.c:pace_maybe_adjust_gap. */
  adjust(pacing: LsaPacing): void {
    const { now } = this.#n.oi.ospf;
    if (now - this.#changedAt < pacing.adjustEvery) return;
    const unacknowledged = this.#n.retransmit.size;
    if (unacknowledged > pacing.high) this.gap = Math.min(this.gap * pacing.factor, pacing.max);
    else if (unacknowledged === 0) this.gap = pacing.min;
    else if (unacknowledged <= pacing.low) this.gap = Math.max(Math.floor(this.gap / pacing.factor), pacing.min);
    else return;
    this.#changedAt = now;
    this.nextAt = Math.max(this.nextAt, now);
  }

  /** ospfd/ospf_packet.c:ospf_r4_nbr_send_timer. */
  #send(): void {
    const { oi } = this.#n;
    const { lsaPacing: pacing, ospf } = oi;
    if (pacing === undefined || this.waiting.size === 0) return;
    if (this.nextAt > ospf.now) return this.#timer.set(this.nextAt);
    if (oi.updatesScheduled) return this.#timer.set(ospf.now + MS);
    if (this.waiting.size > pacing.high) this.adjust(pacing);
    const slots = this.#take(pacing);
    sendUpdatesTo(this.#n, slots);
    for (const slot of slots) {
      this.sentAt.set(slot, ospf.now);
      this.#sent(this.#n, slot);
    }
    this.charge(slots.length);
    this.adjust(pacing);
    if (this.waiting.size > 0) this.#timer.set(this.nextAt > ospf.now ? this.nextAt : ospf.now + pacing.min);
  }
  /** As many as fit a packet; one that is larger than a packet goes alone. */
  #take(pacing: LsaPacing): readonly Slot[] {
    const max = bodyMax(this.#n.oi);
    const slots: Slot[] = [];
    let length = 4;
    for (const slot of this.waiting) {
      length += slot.lsa.length;
      if (slots.length > 0 && (length > max || slots.length >= pacing.maxLsas)) break;
      this.waiting.delete(slot);
      slots.push(slot);
    }
    return slots;
  }
}

/** Puts an advertisement into a neighbour's queue. */
export function pace(n: Neighbor, pacing: LsaPacing, slot: Slot, sent: (n: Neighbor, slot: Slot) => void): void {
  n.paced ??= new PacedQueue(n, pacing, sent);
  n.paced.add(slot);
}

/** The settings of an interface have changed (ospfd/ospf_interface.c:ospf_rec4_recompute_effective). `sent`: what still waits is to be sent again by the usual way. */
export function retunePacing(
  oi: OspfInterface,
  settings: LsaPacingSettings | undefined,
  unsent: (n: Neighbor, slot: Slot) => void,
): void {
  const pacing = settings?.enabled === true ? new LsaPacing(settings) : undefined;
  oi.lsaPacing = pacing;
  for (const n of oi.neighbors.all) {
    if (n.paced === undefined) continue;
    if (pacing !== undefined) {
      n.paced.retune(pacing);
      continue;
    }
    for (const slot of n.paced.waiting) unsent(n, slot);
    n.paced.clear();
    n.paced = undefined;
  }
}
