import type { Packet } from "../../../core/packet.ts";
import { type Nanos, S } from "../../../core/time.ts";
import { CAN_SEND, CANT_SEND, DEBT_MAX, Feed, type HtbClass, LEVELS, MAY_BORROW, WaitQueue } from "./htb-class.ts";
import type { Qdisc } from "./qdisc.ts";

/** Steps through feeds in search of a leaf, at most (net/sched/sch_htb.c:htb_lookup_leaf). */
const LOOKUP_STEPS_MAX = 65_535;

/** What takes packets out of a leaf, and finds out how long one is. */
export interface HtbHost {
  lengthOf(p: Packet): number;
}

/**
 * The heart of HTB (net/sched/sch_htb.c): which class sends next. Classes that may send of their own stand in the row of
 * their level, by priority; those that borrow stand in their parent's feed, and the parent in its row instead.
 */
export class HtbScheduler {
  /** Simulated time of the packet that is being looked for. */
  now: Nanos = 0;
  /** How often a class could send no more. */
  overlimits = 0;
  readonly #host: HtbHost;
  /** Rows by level and priority. */
  readonly #rows: (Feed | undefined)[][] = Array.from({ length: LEVELS }, () => []);
  /** Priorities that have classes in the row: bits, by level. */
  readonly #rowMask = new Int32Array(LEVELS);
  readonly #waiting: readonly WaitQueue[] = Array.from({ length: LEVELS }, () => new WaitQueue());
  /** When the first class of a level changes its mode, at the earliest. */
  readonly #nextEvent = new Float64Array(LEVELS);
  readonly #path: Feed[] = [];

  constructor(host: HtbHost) {
    this.#host = host;
  }

  /** A packet that may leave at `now`; else null, and `nextAt` tells when there may be one. */
  dequeue(now: Nanos): Packet | null {
    this.now = now;
    this.nextAt = now + 5 * S;
    for (let level = 0; level < LEVELS; level++) {
      let event = this.#nextEvent[level] as number;
      if (now >= event) {
        event = this.#doEvents(level) ?? now + S;
        this.#nextEvent[level] = event;
      }
      if (event < this.nextAt) this.nextAt = event;
      for (let mask = this.#rowMask[level] as number; mask !== 0; mask &= mask - 1) {
        const p = this.#dequeueRow(31 - Math.clz32(mask & -mask), level);
        if (p !== null) return p;
      }
    }
    return null;
  }
  nextAt: Nanos = 0;

  /** A leaf has packets (htb_activate). */
  activate(cl: HtbClass): void {
    if (cl.activity !== 0) return;
    cl.activity = 1 << cl.prio;
    this.#enter(cl);
  }
  /** A leaf has none any more (htb_deactivate). */
  deactivate(cl: HtbClass): void {
    this.#leave(cl);
    cl.activity = 0;
  }
  /** A class is taken out, or becomes another's parent: it waits for nothing. */
  forget(cl: HtbClass): void {
    if (cl.activity !== 0) this.deactivate(cl);
    if (cl.mode !== CAN_SEND) (this.#waiting[cl.level] as WaitQueue).remove(cl);
    cl.mode = CAN_SEND;
  }
  /** Nothing is active, nothing waits (htb_reset). */
  clear(classes: Iterable<HtbClass>): void {
    for (const cl of classes) {
      cl.feeds = [];
      cl.activity = 0;
      cl.mode = CAN_SEND;
    }
    for (const rows of this.#rows) rows.length = 0;
    for (const waiting of this.#waiting) waiting.clear();
    this.#rowMask.fill(0);
  }

  #row(level: number, prio: number): Feed {
    const rows = this.#rows[level] as (Feed | undefined)[];
    return (rows[prio] ??= new Feed());
  }

  /** Connects a class to its ancestors or its row, for the priorities it is active in (htb_activate_prios). */
  #enter(leaf: HtbClass): void {
    let cl = leaf;
    let mask = cl.activity;
    for (let p = cl.parent; cl.mode === MAY_BORROW && p !== null && mask !== 0; p = cl.parent) {
      for (let m = mask; m !== 0; m &= m - 1) {
        const prio = 31 - Math.clz32(m & -m);
        const feed = p.feed(prio);
        if (!feed.empty) mask &= ~(1 << prio); // the parent is connected already
        feed.add(cl);
      }
      p.activity |= mask;
      cl = p;
    }
    if (cl.mode !== CAN_SEND || mask === 0) return;
    this.#rowMask[cl.level]! |= mask;
    for (let m = mask; m !== 0; m &= m - 1) this.#row(cl.level, 31 - Math.clz32(m & -m)).add(cl);
  }

  /** Takes a class out of feeds and rows; its mode is still the old one (htb_deactivate_prios). */
  #leave(leaf: HtbClass): void {
    let cl = leaf;
    let mask = cl.activity;
    for (let p = cl.parent; cl.mode === MAY_BORROW && p !== null && mask !== 0; p = cl.parent) {
      let emptied = 0;
      for (let m = mask; m !== 0; m &= m - 1) {
        const prio = 31 - Math.clz32(m & -m);
        const feed = p.feed(prio);
        if (feed.at === cl) {
          feed.lastId = cl.classid;
          feed.at = null;
        }
        feed.remove(cl);
        if (feed.empty) emptied |= 1 << prio;
      }
      mask = emptied;
      p.activity &= ~mask;
      cl = p;
    }
    if (cl.mode === CAN_SEND && mask !== 0) this.#leaveRow(cl, mask);
  }

  #leaveRow(cl: HtbClass, mask: number): void {
    for (let m = mask; m !== 0; m &= m - 1) {
      const prio = 31 - Math.clz32(m & -m);
      const row = this.#row(cl.level, prio);
      if (row.at === cl) row.step();
      row.remove(cl);
      if (row.empty) this.#rowMask[cl.level]! &= ~(1 << prio);
    }
  }

  /** Gives the class the mode that its tokens, `diff` later, allow. Returns how long until it changes of itself. */
  #changeMode(cl: HtbClass, diff: Nanos): Nanos {
    const ctokens = cl.ctokens + diff;
    const tokens = cl.tokens + diff;
    const mode = ctokens < 0 ? CANT_SEND : tokens >= 0 ? CAN_SEND : MAY_BORROW;
    const left = mode === CANT_SEND ? -ctokens : mode === MAY_BORROW ? -tokens : diff;
    if (mode === cl.mode) return left;
    if (mode === CANT_SEND) {
      cl.overlimits++;
      this.overlimits++;
    }
    if (cl.activity === 0) cl.mode = mode;
    else {
      if (cl.mode !== CANT_SEND) this.#leave(cl);
      cl.mode = mode;
      if (mode !== CANT_SEND) this.#enter(cl);
    }
    return left;
  }

  /** The class changes its mode `delay` from now (htb_add_to_wait_tree). */
  #wait(cl: HtbClass, delay: Nanos): void {
    cl.wakesAt = this.now + (delay === 0 ? 1 : delay);
    if ((this.#nextEvent[cl.level] as number) > cl.wakesAt) this.#nextEvent[cl.level] = cl.wakesAt;
    (this.#waiting[cl.level] as WaitQueue).add(cl);
  }

  /** Changes the modes that are due. Returns when the next one is; undefined: none waits (htb_do_events). */
  #doEvents(level: number): Nanos | undefined {
    const waiting = this.#waiting[level] as WaitQueue;
    for (let cl = waiting.first; cl !== undefined; cl = waiting.first) {
      if (cl.wakesAt > this.now) return cl.wakesAt;
      waiting.shift();
      const left = this.#changeMode(cl, Math.min(this.now - cl.countedAt, DEBT_MAX));
      if (cl.mode !== CAN_SEND) this.#wait(cl, left);
    }
    return undefined;
  }

  /** The leaf whose turn it is in a row (htb_lookup_leaf). */
  #lookup(row: Feed, prio: number): HtbClass | null {
    const path = this.#path;
    path[0] = row;
    let depth = 0;
    for (let i = 0; i < LOOKUP_STEPS_MAX; i++) {
      const feed = path[depth] as Feed;
      if (feed.at === null && feed.lastId !== 0) feed.at = feed.from(feed.lastId);
      feed.lastId = 0;
      if (feed.at === null) {
        feed.at = feed.first; // at the right end: begin anew, and go on above
        if (depth > 0) (path[--depth] as Feed).step();
      } else if (feed.at.level === 0) return feed.at;
      else path[++depth] = feed.at.feed(prio);
    }
    return null;
  }

  /** A packet of the row; null when its leaves have none to give (htb_dequeue_tree). */
  #dequeueRow(prio: number, level: number): Packet | null {
    const row = this.#row(level, prio);
    let start = this.#lookup(row, prio);
    let cl = start;
    for (let i = 0; cl !== null && i < LOOKUP_STEPS_MAX; i++) {
      const leaf = cl.leaf as Qdisc;
      if (leaf.qlen === 0) {
        if (cl.activity !== 0) this.deactivate(cl);
        if (!this.#inRow(level, prio)) return null;
        const next = this.#lookup(row, prio);
        if (cl === start) start = next;
        cl = next;
        continue;
      }
      const p = leaf.dequeue();
      if (p !== null) {
        this.#send(cl, level, prio, this.#host.lengthOf(p));
        return p;
      }
      if (!this.#inRow(level, prio)) return null; // it dropped the last of its packets
      this.#step(cl, level, prio);
      cl = this.#lookup(row, prio);
      if (cl === start) return null;
    }
    return null;
  }

  #inRow(level: number, prio: number): boolean {
    return ((this.#rowMask[level] as number) & (1 << prio)) !== 0;
  }

  /** The next one's turn (deficit round robin: of the feed that the leaf stands in, or the row of leaves). */
  #step(cl: HtbClass, level: number, prio: number): void {
    if (level === 0) this.#row(0, prio).step();
    else cl.parent?.feed(prio).step();
  }

  /** A packet left `cl` at the expense of `level`. */
  #send(cl: HtbClass, level: number, prio: number, length: number): void {
    cl.packets++;
    cl.bytes += length;
    const deficit = (cl.deficit[level] as number) - length;
    if (deficit < 0) {
      cl.deficit[level] = deficit + cl.quantum;
      this.#step(cl, level, prio);
    } else cl.deficit[level] = deficit;
    if ((cl.leaf as Qdisc).qlen === 0 && cl.activity !== 0) this.deactivate(cl);
    this.#charge(cl, level, length);
  }

  /** Charges a packet to a leaf and its ancestors: from `level` on to their rates, to all their ceilings (htb_charge_class). */
  #charge(leaf: HtbClass, level: number, length: number): void {
    for (let cl: HtbClass | null = leaf; cl !== null; cl = cl.parent) {
      const diff = Math.min(this.now - cl.countedAt, DEBT_MAX);
      if (cl.level >= level) {
        if (cl.level === level) cl.lends++;
        cl.tokens = spend(cl.tokens + diff, cl.buffer, cl.rate.ns(length));
      } else {
        cl.borrows++;
        cl.tokens += diff;
      }
      cl.ctokens = spend(cl.ctokens + diff, cl.cbuffer, cl.ceil.ns(length));
      cl.countedAt = this.now;
      const before = cl.mode;
      const left = this.#changeMode(cl, 0);
      if (cl.mode !== before) {
        if (before !== CAN_SEND) (this.#waiting[cl.level] as WaitQueue).remove(cl);
        if (cl.mode !== CAN_SEND) this.#wait(cl, left);
      }
      if (cl.level > 0) {
        cl.packets++;
        cl.bytes += length;
      }
    }
  }
}

/** A bucket that holds at most `depth`, less `cost`; its debt has a limit. */
function spend(tokens: Nanos, depth: Nanos, cost: Nanos): Nanos {
  const left = (tokens > depth ? depth : tokens) - cost;
  return left <= -DEBT_MAX ? 1 - DEBT_MAX : left;
}
