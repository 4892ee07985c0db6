import { formatIp, formatMac, type Ipv4, isGroupMac, type Mac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { type Nanos, NEVER, S } from "../../../core/time.ts";
import type { Kernel } from "../kernel.ts";
import {
  FDB_EXTERNAL,
  FDB_LEARNED,
  FDB_LOCAL,
  FDB_STATIC,
  FDB_STICKY,
  FDB_USER,
  MacTable,
  macHigh,
  macLow,
} from "./fdb.ts";
import { Endpoint } from "./udp-tunnel.ts";

/** How long an entry lives: until it is removed, or until nobody asked for it for the ageing time. */
export type VxlanFdbState = "permanent" | "static" | "dynamic";

/** One destination of one entry, as `bridge fdb add` names it; what is left out is the device's own. */
export interface VxlanFdbOptions {
  readonly dst?: Ipv4;
  readonly port?: number;
  readonly vni?: number;
  readonly via?: string;
  /** `permanent` unless told. */
  readonly state?: VxlanFdbState;
  /** Learnt by a control plane, which lets it go again: `extern_learn`. */
  readonly external?: boolean;
  /** Shown, and nothing else, as on Linux. */
  readonly sticky?: boolean;
}

/** How an entry is kept. */
export interface VxlanFdbKind {
  readonly state: VxlanFdbState;
  readonly external: boolean;
  readonly sticky: boolean;
}

/** One line of `bridge fdb show`. */
export interface VxlanFdbRow extends VxlanFdbKind {
  readonly mac: Mac;
  readonly to: Endpoint;
  readonly usedAt: Nanos;
  readonly updatedAt: Nanos;
}

/** What the entries' destinations are compared with, and filled in from. */
export interface VxlanFdbDefaults {
  readonly port: number;
  readonly vni: number;
}

/** FDB_AGE_DEFAULT. */
export const AGEING_DEFAULT: Nanos = 300 * S;
/** Entries where `maxaddress` sets no limit; Linux has none then. */
const ENTRIES_MAX = 1 << 17;
/** Destinations of one entry. */
const REMOTES_MAX = 4096;
const ENDLESS = FDB_LOCAL | FDB_STATIC;
const AGELESS = ENDLESS | FDB_EXTERNAL;

/**
 * Where a VXLAN device sends which MAC (drivers/net/vxlan/vxlan_core.c). The MAC 0 stands for all that is not known: a frame
 * goes to each of its destinations. Entries age exactly, when they are looked at; no timer runs.
 */
export class VxlanFdb {
  #ageingNs = AGEING_DEFAULT;
  /** Nothing expires before this. */
  #nextExpiry: Nanos = 0;
  readonly #kernel: Kernel;
  readonly #defaults: VxlanFdbDefaults;
  readonly #table: MacTable;
  /** The destinations, by slot. */
  #remotes: (readonly Endpoint[])[] = [];

  /** `max` 0: no limit of its own. */
  constructor(kernel: Kernel, defaults: VxlanFdbDefaults, max: number) {
    this.#kernel = kernel;
    this.#defaults = defaults;
    this.#table = new MacTable(max === 0 ? ENTRIES_MAX : max);
  }

  /** How long an entry that nobody asks for lives. */
  get ageingNs(): Nanos {
    return this.#ageingNs;
  }
  set ageingNs(span: Nanos) {
    this.#ageingNs = span;
    this.#nextExpiry = 0;
  }

  get size(): number {
    this.#collect();
    return this.#table.size;
  }

  /** The destinations of a MAC, given as its first two octets and its last four (signed); undefined when it is not known. */
  lookup(high: number, low: number): readonly Endpoint[] | undefined {
    const slot = this.#find(high, low);
    return slot < 0 ? undefined : this.#remotes[slot];
  }

  /** vxlan_snoop: a frame from this MAC came from `src`. False: the MAC is fixed to another end point. */
  learn(high: number, low: number, src: Ipv4): boolean {
    const slot = this.#find(high, low);
    if (slot < 0) {
      const { port, vni } = this.#defaults;
      const fresh = this.#insert(high, low, FDB_LEARNED, new Endpoint(src, port, vni, 0));
      if (fresh >= 0) this.#emit("learn", fresh);
      return true;
    }
    const [first, ...more] = this.#remotes[slot] as readonly Endpoint[];
    if (first === undefined || (first.ip === src && first.ifindex === 0)) return true;
    if (((this.#table.flags[slot] as number) & ENDLESS) !== 0) return false;
    this.#remotes[slot] = [new Endpoint(src, first.port, first.vni, first.ifindex), ...more];
    this.#table.updated[slot] = this.#kernel.sim.now;
    this.#emit("move", slot);
    return true;
  }

  /** `bridge fdb add MAC dst … dev NAME self`: the MAC must be new. */
  add(mac: Mac, options: VxlanFdbOptions): Outcome {
    const to = this.#endpoint(options);
    if (!to.ok) return to;
    if (this.#find(macHigh(mac), macLow(mac)) >= 0) return refused("EEXIST");
    return this.#create(mac, to.value, options);
  }

  /** `bridge fdb append`: one more destination, which only groups and the MAC 0 can have (vxlan_fdb_update_existing). */
  append(mac: Mac, options: VxlanFdbOptions): Outcome {
    const to = this.#endpoint(options);
    if (!to.ok) return to;
    const slot = this.#find(macHigh(mac), macLow(mac));
    if (slot < 0) return this.#create(mac, to.value, options);
    this.#setKind(slot, options);
    const known = this.#remotes[slot] as readonly Endpoint[];
    if (!isMany(mac) || known.some((r) => alike(r, to.value))) return done;
    if (known.length >= REMOTES_MAX) return refused("ENOSPC");
    this.#remotes[slot] = [...known, to.value];
    return done;
  }

  /** `bridge fdb replace`. */
  replace(mac: Mac, options: VxlanFdbOptions): Outcome {
    const to = this.#endpoint(options);
    if (!to.ok) return to;
    const slot = this.#find(macHigh(mac), macLow(mac));
    if (isMany(mac))
      return slot < 0 ? refused("EOPNOTSUPP") : refused("EOPNOTSUPP", "Cannot replace non-unicast fdb entries");
    if (slot < 0) return this.#create(mac, to.value, options);
    this.#setKind(slot, options);
    const [first, ...more] = this.#remotes[slot] as readonly Endpoint[];
    if (first === undefined || !alike(first, to.value)) this.#remotes[slot] = [to.value, ...more];
    return done;
  }

  /** `bridge fdb del`: one destination, or the whole entry when none is named (__vxlan_fdb_delete). */
  remove(mac: Mac, options: VxlanFdbOptions): Outcome {
    const slot = this.#find(macHigh(mac), macLow(mac));
    if (slot < 0) return refused("ENOENT");
    if (options.dst === undefined || options.dst === 0) {
      this.#drop(slot);
      return done;
    }
    const named = this.#endpoint(options);
    if (!named.ok) return named;
    const known = this.#remotes[slot] as readonly Endpoint[];
    const left = known.filter((r) => !alike(r, named.value));
    if (left.length === known.length) return done; // Linux says nothing of it
    if (left.length > 0) this.#remotes[slot] = left;
    else this.#drop(slot);
    return done;
  }

  /** vxlan_flush: forgets what was learnt; all but the MAC 0 when the device goes away. */
  flush(all: boolean): void {
    for (const slot of this.#slots()) {
      const kept = this.#table.mac(slot) === 0 || (!all && ((this.#table.flags[slot] as number) & ENDLESS) !== 0);
      if (!kept) this.#drop(slot);
    }
  }

  /** vxlan_core.c:vxlan_fdb_delete_bulk: forgets every entry that `doomed` picks. */
  flushWhere(doomed: (kind: VxlanFdbKind) => boolean): void {
    for (const slot of this.#slots()) if (doomed(kindOf(this.#table.flags[slot] as number))) this.#drop(slot);
  }

  /** Every destination of every entry, the oldest entry last. */
  rows(): VxlanFdbRow[] {
    this.#collect();
    const { used, updated } = this.#table;
    return this.#slots().flatMap((slot) =>
      (this.#remotes[slot] as readonly Endpoint[]).map((to) => ({
        mac: this.#table.mac(slot),
        to,
        ...kindOf(this.#table.flags[slot] as number),
        usedAt: used[slot] as number,
        updatedAt: updated[slot] as number,
      })),
    );
  }

  /** A row as `bridge fdb show dev NAME` prints it, or with `dev NAME` in it as for all devices. */
  describe(row: VxlanFdbRow, dev?: string): string {
    const { port, vni } = this.#defaults;
    const via = this.#kernel.deviceByIndex(row.to.ifindex);
    return [
      formatMac(row.mac),
      ...(dev === undefined ? [] : [`dev ${dev}`]),
      ...(row.to.ip === 0 ? [] : [`dst ${formatIp(row.to.ip)}`]),
      ...(row.to.port === port ? [] : [`port ${row.to.port}`]),
      ...(row.to.vni === vni ? [] : [`vni ${row.to.vni}`]),
      ...(via === undefined ? [] : [`via ${via.name}`]),
      "self",
      ...(row.external ? ["extern_learn"] : []),
      ...(row.sticky ? ["sticky"] : []),
      row.state === "dynamic" ? "" : row.state,
    ].join(" ");
  }

  /** The slot of a MAC, asked for now; an entry whose time is over is gone (vxlan_cleanup). */
  #find(high: number, low: number): number {
    const slot = this.#table.find(high, low, 0);
    if (slot < 0) return slot;
    if (this.#expired(slot)) {
      this.#emit("age", slot);
      this.#drop(slot);
      return -1;
    }
    this.#table.used[slot] = this.#kernel.sim.now;
    return slot;
  }

  #expired(slot: number): boolean {
    if (((this.#table.flags[slot] as number) & AGELESS) !== 0) return false;
    return (this.#table.used[slot] as number) + this.#ageingNs <= this.#kernel.sim.now;
  }

  /** Removes what has expired. Entries are only used later than they were, so a full table is not searched for nothing. */
  #collect(): void {
    if (this.#kernel.sim.now < this.#nextExpiry) return;
    let next = NEVER;
    for (const slot of this.#slots()) {
      if (this.#expired(slot)) {
        this.#emit("age", slot);
        this.#drop(slot);
      } else if (((this.#table.flags[slot] as number) & AGELESS) === 0) {
        next = Math.min(next, (this.#table.used[slot] as number) + this.#ageingNs);
      }
    }
    this.#nextExpiry = Math.min(next, this.#kernel.sim.now + this.#ageingNs);
  }

  #slots(): number[] {
    const slots: number[] = [];
    for (let slot = this.#table.newest; slot >= 0; slot = this.#table.older(slot)) slots.push(slot);
    return slots;
  }

  #create(mac: Mac, to: Endpoint, options: VxlanFdbOptions): Outcome {
    const slot = this.#insert(macHigh(mac), macLow(mac), flagsOf(options), to);
    return slot < 0 ? refused("ENOSPC") : done;
  }

  #insert(high: number, low: number, flags: number, to: Endpoint): number {
    if (this.#table.size >= this.#table.max) this.#collect();
    const slot = this.#table.insert(high, low, 0);
    if (slot < 0) return slot;
    const { now } = this.#kernel.sim;
    this.#table.flags[slot] = flags;
    this.#table.used[slot] = now;
    this.#table.updated[slot] = now;
    this.#remotes[slot] = [to];
    return slot;
  }

  #drop(slot: number): void {
    this.#table.remove(slot);
    this.#remotes[slot] = [];
  }

  /** What a control plane has learnt does not take over what was added by hand (vxlan_fdb_update_existing). */
  #setKind(slot: number, options: VxlanFdbOptions): void {
    const { flags, updated } = this.#table;
    if (options.external && ((flags[slot] as number) & FDB_USER) !== 0) return;
    this.#nextExpiry = 0;
    flags[slot] = flagsOf(options);
    updated[slot] = this.#kernel.sim.now;
  }

  /** vxlan_fdb_parse. */
  #endpoint(o: VxlanFdbOptions): Outcome<Endpoint> {
    if (o.dst === undefined) return refused("EINVAL");
    const via = o.via === undefined ? undefined : this.#kernel.device(o.via);
    if (o.via !== undefined && via === undefined) return refused("EADDRNOTAVAIL", "Device not found");
    const to = new Endpoint(o.dst, o.port ?? this.#defaults.port, o.vni ?? this.#defaults.vni, via?.ifindex ?? 0);
    return { ok: true, value: to };
  }

  #emit(event: string, slot: number): void {
    const { sim, name } = this.#kernel;
    if (!sim.trace.on) return;
    const first = this.#remotes[slot]?.[0];
    const dst = first === undefined ? "" : formatIp(first.ip);
    sim.trace.emit(sim.now, name, "vxlan.fdb", {
      event,
      vni: this.#defaults.vni,
      mac: formatMac(this.#table.mac(slot)),
      dst,
    });
  }
}

const isMany = (mac: Mac): boolean => mac === 0 || isGroupMac(mac);
const alike = (a: Endpoint, b: Endpoint): boolean =>
  a.ip === b.ip && a.port === b.port && a.vni === b.vni && a.ifindex === b.ifindex;
const flagsOf = ({ state = "permanent", external, sticky }: VxlanFdbOptions): number =>
  FDB_USER |
  (state === "permanent" ? FDB_LOCAL : state === "static" ? FDB_STATIC : 0) |
  (external ? FDB_EXTERNAL : 0) |
  (sticky ? FDB_STICKY : 0);
const kindOf = (flags: number): VxlanFdbKind => ({
  state: (flags & FDB_LOCAL) !== 0 ? "permanent" : (flags & FDB_STATIC) !== 0 ? "static" : "dynamic",
  external: (flags & FDB_EXTERNAL) !== 0,
  sticky: (flags & FDB_STICKY) !== 0,
});
