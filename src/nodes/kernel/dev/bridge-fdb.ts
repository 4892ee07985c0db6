import { formatMac, isGroupMac, type Mac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { Alarm, type Simulation } from "../../../core/sim.ts";
import { type Nanos, NEVER } from "../../../core/time.ts";
import type { BridgeDevice } from "./bridge.ts";
import type { BridgePort } from "./bridge-port.ts";
import {
  FDB_EXTERNAL,
  FDB_LEARNED,
  FDB_LOCAL,
  FDB_OFFLOADED,
  FDB_STATIC,
  FDB_STICKY,
  FDB_USER,
  MacTable,
  macHigh,
  macLow,
  macOf,
} from "./fdb.ts";
import type { FdbEntry, FdbRequest } from "./fdb-entry.ts";

/** Entries of every kind, at most; Linux has no such limit. */
const ENTRIES_MAX = 1 << 20;
/** `fdb_max_learned` of a new bridge; Linux's is 0, no limit. */
export const LEARNED_MAX = 65_536;
/** The sweep waits for this part of the ageing time after the first entry is due, to take more of them at once. */
const SWEEP_PARTS = 16;
const AGELESS = FDB_STATIC | FDB_EXTERNAL;

/** The forwarding database of a bridge (net/bridge/br_fdb.c). */
export class BridgeFdb {
  /** The port of each slot; null for the bridge itself. */
  readonly ports: (BridgePort | null)[] = [];
  readonly table = new MacTable(ENTRIES_MAX);
  /** Entries learnt from traffic: `fdb_n_learned`. */
  learned = 0;
  /** `fdb_max_learned`; 0 for no limit but that of the table. */
  maxLearned = LEARNED_MAX;
  /** Addresses that were not learnt because the table was full. */
  refused = 0;
  readonly #bridge: BridgeDevice;
  readonly #sim: Simulation;
  readonly #sweeper: Alarm;
  #hold: Nanos;
  /** No entry is due before. */
  #firstDue: Nanos = NEVER;

  /** `hold`: how long an address is remembered. */
  constructor(bridge: BridgeDevice, hold: Nanos) {
    this.#bridge = bridge;
    this.#sim = bridge.kernel.sim;
    this.#hold = hold;
    this.#sweeper = new Alarm(this.#sim, bridge.kernel.name, () => this.#sweep());
  }

  /** `hold_time`: how long an address is remembered now. */
  get hold(): Nanos {
    return this.#hold;
  }
  set hold(hold: Nanos) {
    if (hold === this.#hold) return;
    this.#sweep(); // what is past its time must not come back
    this.#hold = hold;
    this.#sweep();
  }
  /** Time until the next sweep: `gc_timer`; 0 while there is nothing to sweep. */
  get sweepNs(): Nanos {
    const { deadline } = this.#sweeper;
    return deadline === NEVER ? 0 : deadline - this.#now;
  }

  /** The slot of a living entry; -1 when there is none. */
  find(high: number, low: number, vid: number): number {
    const slot = this.table.find(high, low, vid);
    return slot < 0 || this.#expired(slot) ? -1 : slot;
  }

  /** Learns from a frame that `port` received (br_fdb.c:br_fdb_update). */
  learn(high: number, low: number, vid: number, port: BridgePort): void {
    if (this.#hold === 0) return;
    const { table } = this;
    const slot = table.find(high, low, vid);
    if (slot < 0) {
      this.#create(high, low, vid, port, FDB_LEARNED);
      return;
    }
    const flags = table.flags[slot] as number;
    if ((flags & FDB_LOCAL) !== 0) return this.#trace("own", slot, port);
    if (this.#expired(slot)) {
      this.#remove(slot);
      this.#create(high, low, vid, port, FDB_LEARNED);
      return;
    }
    table.updated[slot] = this.#now;
    if (this.ports[slot] === port || (flags & FDB_STICKY) !== 0) return;
    this.ports[slot] = port;
    table.flags[slot] = flags & ~FDB_EXTERNAL;
    this.#trace("moved", slot, port);
  }

  /** Whether the address is known to be behind `port`: what a locked port asks. */
  isBehind(high: number, low: number, vid: number, port: BridgePort): boolean {
    const slot = this.find(high, low, vid);
    return slot >= 0 && this.ports[slot] === port && ((this.table.flags[slot] as number) & FDB_LOCAL) === 0;
  }

  /** Living entries, newest first, as Linux lists them. */
  entries(): FdbEntry[] {
    const { table } = this;
    const all: FdbEntry[] = [];
    for (let slot = table.newest; slot >= 0; slot = table.older(slot)) {
      if (!this.#expired(slot)) all.push(this.#entry(slot));
    }
    return all;
  }

  /** br_fdb.c:br_fdb_add: an entry towards `port`, or null for the bridge itself. */
  add(port: BridgePort | null, request: FdbRequest): Outcome {
    const { mac, vid } = request;
    if (mac === 0) return refused("EINVAL");
    const vlans = port === null ? this.#bridge.ownVlans : port.vlans;
    if (vid !== 0) return vlans.has(vid) ? this.#addOne(port, request, vid) : refused("EINVAL");
    for (const each of [0, ...vlans.vids]) {
      const added = this.#addOne(port, request, each);
      if (!added.ok) return added;
    }
    return done;
  }

  /** br_fdb.c:br_fdb_delete: with `vid` 0, the entry without a VLAN and those in every VLAN of the port. */
  delete(port: BridgePort | null, mac: Mac, vid: number): Outcome {
    const vlans = port === null ? this.#bridge.ownVlans : port.vlans;
    let found = false;
    for (const each of vid === 0 ? [0, ...vlans.vids] : [vid]) {
      const slot = this.table.find(macHigh(mac), macLow(mac), each);
      if (slot < 0 || this.ports[slot] !== port) continue;
      this.#remove(slot);
      found = true;
    }
    return found ? done : refused("ENOENT");
  }

  /** Forgets every address that ages (`fdb_flush`). */
  flush(): void {
    this.#removeWhere((slot) => ((this.table.flags[slot] as number) & FDB_STATIC) === 0);
  }

  /** br_fdb.c:br_fdb_flush: removes every entry that `doomed` picks, addresses of this machine too. */
  flushWhere(doomed: (entry: FdbEntry) => boolean): void {
    this.#removeWhere((slot) => !this.#expired(slot) && doomed(this.#entry(slot)));
  }

  /** br_fdb.c:br_fdb_delete_by_port. `vid` 0: in every VLAN; `all`: static and local entries too, for a port that leaves. */
  flushPort(port: BridgePort | null, vid = 0, all = false): void {
    this.#removeWhere((slot) => {
      if (this.ports[slot] !== port) return false;
      const flags = this.table.flags[slot] as number;
      if (!all) {
        if ((flags & FDB_STATIC) !== 0 || (vid !== 0 && this.table.scope(slot) !== vid)) return false;
        if ((flags & FDB_EXTERNAL) !== 0 && (flags & FDB_OFFLOADED) === 0) return false;
      }
      return (flags & FDB_LOCAL) === 0 || !this.#inherit(slot, port);
    });
  }

  /** The address of a port, or of the bridge itself (null), in a VLAN or (0) without (br_fdb.c:fdb_add_local). */
  addLocal(mac: Mac, vid: number, port: BridgePort | null): void {
    if (mac === 0 || isGroupMac(mac)) return;
    const slot = this.table.find(macHigh(mac), macLow(mac), vid);
    if (slot >= 0) {
      if (((this.table.flags[slot] as number) & FDB_LOCAL) !== 0) return;
      this.#remove(slot);
    }
    this.#create(macHigh(mac), macLow(mac), vid, port, FDB_LOCAL | FDB_STATIC);
  }

  /** br_fdb.c:br_fdb_find_delete_local. */
  deleteLocal(mac: Mac, vid: number, port: BridgePort | null): void {
    const slot = this.table.find(macHigh(mac), macLow(mac), vid);
    if (slot < 0 || this.ports[slot] !== port || !this.#isOwn(slot)) return;
    if (!this.#inherit(slot, port)) this.#remove(slot);
  }

  /** The port's device got another address (br_fdb.c:br_fdb_changeaddr). */
  portAddressChanged(port: BridgePort): void {
    this.#removeWhere((slot) => this.ports[slot] === port && this.#isOwn(slot) && !this.#inherit(slot, port));
    for (const vid of [0, ...port.vlans.vids]) this.addLocal(port.dev.mac, vid, port);
  }

  /** The bridge gets another address (br_fdb.c:br_fdb_change_mac_address). */
  bridgeAddressChanged(before: Mac, after: Mac): void {
    for (const vid of [0, ...this.#bridge.ownVlans.vids]) {
      this.deleteLocal(before, vid, null);
      this.addLocal(after, vid, null);
    }
  }

  /** Ends the sweeps of a bridge that is removed. */
  stop(): void {
    this.#sweeper.set(NEVER);
  }

  get #now(): Nanos {
    return this.#sim.now;
  }

  #entry(slot: number): FdbEntry {
    const { table } = this;
    const flags = table.flags[slot] as number;
    return {
      mac: table.mac(slot),
      vid: table.scope(slot),
      port: this.ports[slot] ?? null,
      local: (flags & FDB_LOCAL) !== 0,
      static: (flags & FDB_STATIC) !== 0,
      sticky: (flags & FDB_STICKY) !== 0,
      external: (flags & FDB_EXTERNAL) !== 0,
      offloaded: (flags & FDB_OFFLOADED) !== 0,
      user: (flags & FDB_USER) !== 0,
      usedNs: this.#now - (table.used[slot] as number),
      updatedNs: this.#now - (table.updated[slot] as number),
    };
  }

  #expired(slot: number): boolean {
    const { table } = this;
    return ((table.flags[slot] as number) & AGELESS) === 0 && (table.updated[slot] as number) + this.#hold <= this.#now;
  }
  /** A local entry that nobody added by hand. */
  #isOwn(slot: number): boolean {
    return ((this.table.flags[slot] as number) & (FDB_LOCAL | FDB_USER)) === FDB_LOCAL;
  }

  #create(high: number, low: number, vid: number, port: BridgePort | null, flags: number): number {
    const learnt = (flags & FDB_LEARNED) !== 0;
    if (learnt && !this.#roomToLearn()) return this.#full(high, low, vid, port);
    const slot = this.table.insert(high, low, vid);
    if (slot < 0) return this.#full(high, low, vid, port);
    const now = this.#now;
    this.table.flags[slot] = flags;
    this.table.updated[slot] = now;
    this.table.used[slot] = now;
    this.ports[slot] = port;
    if (learnt) this.learned++;
    if ((flags & AGELESS) === 0) this.#expectSweep(now + this.#hold);
    this.#trace("new", slot, port);
    return slot;
  }

  #roomToLearn(): boolean {
    if (this.maxLearned === 0 || this.learned < this.maxLearned) return true;
    if (this.#firstDue > this.#now) return false;
    this.#sweep();
    return this.learned < this.maxLearned;
  }

  #full(high: number, low: number, vid: number, port: BridgePort | null): number {
    this.refused++;
    if (this.#sim.trace.on) this.#emit("full", macOf(high, low), vid, port);
    return -1;
  }

  #remove(slot: number): void {
    if (((this.table.flags[slot] as number) & FDB_LEARNED) !== 0) this.learned--;
    this.table.remove(slot);
    this.ports[slot] = null;
  }

  #removeWhere(doomed: (slot: number) => boolean): void {
    const { table } = this;
    for (let slot = table.newest; slot >= 0; ) {
      const older = table.older(slot);
      if (doomed(slot)) this.#remove(slot);
      slot = older;
    }
  }

  /** br_fdb.c:fdb_delete_local: another port, or the bridge, that has the same address takes the entry over. */
  #inherit(slot: number, from: BridgePort | null): boolean {
    const mac = this.table.mac(slot);
    const vid = this.table.scope(slot);
    const bridge = this.#bridge;
    const heir = bridge.ports.find((p) => p !== from && p.dev.mac === mac && (vid === 0 || p.vlans.has(vid)));
    if (heir === undefined && !(from !== null && bridge.mac === mac && (vid === 0 || bridge.ownVlans.has(vid))))
      return false;
    this.ports[slot] = heir ?? null;
    this.table.flags[slot] = (this.table.flags[slot] as number) & ~FDB_USER;
    return true;
  }

  /** br_fdb.c:__br_fdb_add. */
  #addOne(port: BridgePort | null, r: FdbRequest, vid: number): Outcome {
    if (r.use) {
      if (port === null) return refused("EINVAL");
      if (port.learns) this.#use(port, r.mac, vid);
      return done;
    }
    if (r.external) {
      if (port === null && r.kind !== "permanent") {
        return refused("EINVAL", "bridge: FDB entry towards bridge must be permanent");
      }
      return this.#set(port, r, vid, FDB_USER | FDB_EXTERNAL | (port === null ? FDB_LOCAL : 0));
    }
    if (port !== null && r.kind === "dynamic" && !port.learns) return refused("EPERM");
    if (port === null && r.kind !== "permanent") return refused("EINVAL");
    if (r.sticky && r.kind === "permanent") return refused("EINVAL");
    const slot = this.find(macHigh(r.mac), macLow(r.mac), vid);
    if (slot < 0 && r.mode === "change") return refused("ENOENT");
    if (slot >= 0 && r.mode === "add") return refused("EEXIST");
    const kind = r.kind === "permanent" ? FDB_LOCAL | FDB_STATIC : r.kind === "static" ? FDB_STATIC : 0;
    return this.#set(port, r, vid, FDB_USER | kind | (r.sticky ? FDB_STICKY : 0));
  }

  /** Makes the entry, or makes it what `flags` say. */
  #set(port: BridgePort | null, r: FdbRequest, vid: number, flags: number): Outcome {
    const { table } = this;
    const high = macHigh(r.mac);
    const low = macLow(r.mac);
    let slot = table.find(high, low, vid);
    if (slot >= 0 && this.#expired(slot)) {
      this.#remove(slot);
      slot = -1;
    }
    if (slot < 0) return this.#create(high, low, vid, port, flags) < 0 ? refused("ENOMEM") : done;
    if (((table.flags[slot] as number) & FDB_LEARNED) !== 0) this.learned--;
    table.flags[slot] = flags;
    table.updated[slot] = this.#now;
    table.used[slot] = this.#now;
    this.ports[slot] = port;
    if ((flags & AGELESS) === 0) this.#expectSweep(this.#now + this.#hold);
    return done;
  }

  #use(port: BridgePort, mac: Mac, vid: number): void {
    this.learn(macHigh(mac), macLow(mac), vid, port);
    const slot = this.table.find(macHigh(mac), macLow(mac), vid);
    if (slot < 0) return;
    const flags = this.table.flags[slot] as number;
    if ((flags & FDB_LEARNED) !== 0) this.learned--;
    this.table.flags[slot] = (flags & ~FDB_LEARNED) | FDB_USER;
  }

  /** An entry is due at `at`: the sweeps begin, if they have not. */
  #expectSweep(at: Nanos): void {
    if (at < this.#firstDue) this.#firstDue = at;
    if (this.#sweeper.deadline === NEVER) this.#sweeper.set(at + Math.floor(this.#hold / SWEEP_PARTS));
  }

  /** br_fdb.c:br_fdb_cleanup: removes what is due, and comes back when more is. */
  #sweep(): void {
    const { table } = this;
    let first: Nanos = NEVER;
    this.#removeWhere((slot) => {
      if (this.#expired(slot)) return true;
      if (((table.flags[slot] as number) & AGELESS) === 0) first = Math.min(first, table.updated[slot] as number);
      return false;
    });
    this.#firstDue = first === NEVER ? NEVER : first + this.#hold;
    this.#sweeper.set(first === NEVER ? NEVER : this.#firstDue + Math.floor(this.#hold / SWEEP_PARTS));
  }

  #trace(event: "new" | "moved" | "own", slot: number, port: BridgePort | null): void {
    if (this.#sim.trace.on) this.#emit(event, this.table.mac(slot), this.table.scope(slot), port);
  }
  #emit(event: string, mac: Mac, vid: number, port: BridgePort | null): void {
    const { name, kernel } = this.#bridge;
    const dev = port?.dev.name ?? name;
    this.#sim.trace.emit(this.#now, kernel.name, "bridge.fdb", { bridge: name, event, mac: formatMac(mac), vid, dev });
  }
}
