import { type Ipv4, isLoopback, LIMITED_BROADCAST } from "../../core/addr.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import { type Nanos, NEVER } from "../../core/time.ts";
import { addRoutes, changeMetric, covers, type Ifaddr, removeRoutes, sameSubnet } from "./address-routes.ts";
import type { Fib } from "./fib/fib.ts";
import type { FibHost } from "./fib/host.ts";
import { LOOPBACK_IFINDEX } from "./fib/host.ts";
import { SCOPE_GLOBAL, SCOPE_HOST, SCOPE_LINK, TABLE_LOCAL } from "./fib/route.ts";

export const ADDRESSES_MAX = 65_536;

/** What the addresses ask of the kernel that they belong to. The devices' settings are off where left out. */
export interface AddressHost extends FibHost {
  /** `net.ipv4.conf.<device>.promote_secondaries`, or that of `all`. */
  promotesSecondaries?(ifindex: number): boolean;
  /** `net.ipv4.conf.<device>.route_localnet`, or that of `all`. */
  routesLocalnet?(ifindex: number): boolean;
}

/** An address to be added, as `ip addr add` would put it. */
export interface AddressSpec {
  readonly address: Ipv4;
  readonly length: number;
  readonly peer?: Ipv4;
  readonly broadcast?: Ipv4;
  /** Host for 127.0.0.0/8, else global, when left out. */
  readonly scope?: number;
  /** The device's name when left out. */
  readonly label?: string;
  readonly noPrefixRoute?: boolean;
  readonly metric?: number;
  /** Instants; `NEVER` when left out. */
  readonly validUntil?: Nanos;
  readonly preferredUntil?: Nanos;
}

/** What else an address to be removed must have, where given. */
export interface AddressQuery {
  readonly peer?: Ipv4;
  readonly label?: string;
}

export interface AddressChange {
  /** `change`: lifetime, metric, primary or secondary, label. */
  readonly op: "add" | "del" | "change";
  readonly address: Ifaddr;
}

/**
 * The IPv4 addresses of one namespace's devices, and the routes that follow from them (net/ipv4/devinet.c). The kernel tells
 * it when a device goes up or down or away; it then tells the `Fib`.
 */
export class AddressBook {
  readonly #fib: Fib;
  readonly #host: AddressHost;
  /** By device, each list in Linux's order: primary addresses, the wider scopes last, then secondary ones. */
  readonly #lists = new Map<number, Ifaddr[]>();
  /** How often the host has an address. */
  readonly #local = new Map<Ipv4, number>();
  #count = 0;
  #deadline: Nanos = NEVER;
  #listeners: readonly ((change: AddressChange) => void)[] = NO_LISTENERS;
  /** What happened, and was not told yet. */
  #news: AddressChange[] | null = null;

  constructor(fib: Fib, host: AddressHost) {
    this.#fib = fib;
    this.#host = host;
  }

  /** A device's addresses, or everybody's by ifindex, as `ip addr` lists them. */
  list(ifindex?: number): readonly Ifaddr[] {
    if (ifindex !== undefined) return this.#lists.get(ifindex) ?? [];
    return this.#indices().flatMap((i) => this.#lists.get(i) as Ifaddr[]);
  }

  /** The device that has an address, the first of several; undefined: none. */
  deviceOf(address: Ipv4): number | undefined {
    let device: number | undefined;
    if (this.isLocal(address))
      for (const [ifindex, list] of this.#lists)
        if (device === undefined || ifindex < device) for (const a of list) if (a.address === address) device = ifindex;
    return device;
  }

  /** Whether an address is one of this host's own. 127.0.0.0/8 as a whole is so by its route only. */
  isLocal(address: Ipv4): boolean {
    return this.#local.has(address);
  }

  /** Whether packets for `address` are for everybody on some link of this host. */
  isBroadcast(address: Ipv4): boolean {
    return (
      address === LIMITED_BROADCAST ||
      (this.#fib.hasTable(TABLE_LOCAL) && this.#fib.addressType(address) === "broadcast")
    );
  }

  /** Whether `ip` lies in a subnet of the device (net/ipv4/devinet.c:inet_addr_onlink). */
  onLink(ifindex: number, ip: Ipv4): boolean {
    return this.list(ifindex).some((a) => covers(a, ip));
  }
  /** Whether both lie in one subnet of the device. */
  onLinkWith(ifindex: number, ip: Ipv4, other: Ipv4): boolean {
    return this.list(ifindex).some((a) => covers(a, ip) && covers(a, other));
  }

  /**
   * The source for packets by a device: its first primary address of at most that scope, or better the one whose subnet has
   * `dst` (0: any), else that of another device (net/ipv4/devinet.c:inet_select_addr). 0: there is none.
   */
  selectSource(ifindex: number, dst: Ipv4, scope: number): Ipv4 {
    const localnet = this.#host.routesLocalnet?.(ifindex) ? SCOPE_LINK : SCOPE_HOST;
    let first: Ipv4 = 0;
    for (const a of this.list(ifindex)) {
      if (a.secondary || Math.min(a.scope, localnet) > scope) continue;
      if (dst === 0 || covers(a, dst)) return a.address;
      if (first === 0) first = a.address;
    }
    if (first !== 0) return first;
    for (const index of this.#indices()) {
      const other = this.list(index).find((a) => !a.secondary && a.scope !== SCOPE_LINK && a.scope <= scope);
      if (other !== undefined) return other.address;
    }
    return 0;
  }

  /** `ip addr add`; `replace` changes lifetimes and metric of an address that is there (net/ipv4/devinet.c:inet_rtm_newaddr). */
  add(ifindex: number, spec: AddressSpec, mode: "add" | "replace" = "add"): Outcome {
    if (spec.length > 32) return refused("EINVAL", "ipv4: Invalid prefix length");
    const device = this.#host.device(ifindex);
    if (device === undefined) return refused("ENODEV", "ipv4: Device not found");
    const a = makeAddress(ifindex, device.name, spec);
    const list = this.list(ifindex);
    const old = list.find((b) => sameSubnet(b, a) && b.address === a.address);
    if (old !== undefined && mode === "add") return refused("EEXIST", "ipv4: Address already assigned");
    if (old !== undefined) {
      if (old.metric !== a.metric) changeMetric(this.#fib, old, device.up, a.metric);
      old.metric = a.metric;
      old.validUntil = a.validUntil;
      old.preferredUntil = a.preferredUntil;
      old.deprecated = false;
      this.#watch(old);
      this.#note("change", old);
      return this.#publish();
    }
    if (a.address === 0) return done; // as Linux: nothing happens
    const mates = list.filter((b) => sameSubnet(b, a));
    if (mates.some((b) => b.scope !== a.scope)) return refused("EINVAL", "ipv4: Invalid scope value");
    if (this.#count >= ADDRESSES_MAX) return refused("ENOBUFS");
    a.secondary = mates.length > 0;
    const at = a.secondary ? list.length : behindPrimaries(list, a.scope);
    const longer = [...list.slice(0, at), a, ...list.slice(at)];
    this.#lists.set(ifindex, longer);
    this.#count++;
    this.#local.set(a.address, (this.#local.get(a.address) ?? 0) + 1);
    this.#watch(a);
    this.#note("add", a);
    this.#activate(longer, a, device.up);
    return this.#publish();
  }

  /**
   * `ip addr del`; without `length` the first of this address. With a primary address go the secondary ones of its subnet,
   * unless the first of them is promoted.
   */
  remove(ifindex: number, address: Ipv4, length?: number, query: AddressQuery = {}): Outcome {
    if (this.#host.device(ifindex) === undefined) return refused("ENODEV", "ipv4: Device not found");
    const subnet = query.peer ?? address;
    const a = this.list(ifindex).find(
      (b) =>
        b.address === address &&
        (query.label === undefined || b.label === query.label) &&
        (length === undefined || (b.length === length && covers(b, subnet))),
    );
    if (a === undefined) return refused("EADDRNOTAVAIL", "ipv4: Address not found");
    this.#delete(a, this.#host.promotesSecondaries?.(ifindex) ?? false, false);
    return this.#publish();
  }

  /** The device came up: the loopback gets 127.0.0.1/8, and all addresses get their routes. */
  deviceUp(ifindex: number): void {
    const device = this.#host.device(ifindex);
    if (device === undefined) return;
    if (ifindex === LOOPBACK_IFINDEX) this.add(ifindex, { address: LOOPBACK, length: 8, scope: SCOPE_HOST });
    const list = this.list(ifindex);
    for (const a of list) addRoutes(this.#fib, list, a, device.up);
    this.#fib.deviceUp(ifindex);
  }

  /** The device went down: its addresses stay, most routes go. */
  deviceDown(ifindex: number): void {
    this.#fib.deviceDown(ifindex);
  }

  /** The device is being removed (`FibHost.device` still knows it): its addresses and all routes over it go. */
  deviceRemoved(ifindex: number): void {
    for (let a = this.list(ifindex)[0]; a !== undefined; a = this.list(ifindex)[0]) this.#delete(a, false, true);
    this.#lists.delete(ifindex);
    this.#fib.deviceRemoved(ifindex);
    this.#publish();
  }

  /** The device has a new name: labels follow it, `eth0:1` by its tail (net/ipv4/devinet.c:inetdev_changename). */
  deviceRenamed(ifindex: number, name: string): void {
    for (const [i, a] of this.list(ifindex).entries()) {
      const colon = a.label.indexOf(":");
      const tail = colon >= 0 ? a.label.slice(colon) : `:${i + 1}`;
      a.label = i === 0 ? name : name.slice(0, Math.max(0, LABEL_MAX - tail.length)) + tail;
      this.#note("change", a);
    }
    this.#fib.settingsChanged();
    this.#publish();
  }

  /** When the next lifetime ends. */
  deadline(): Nanos {
    return this.#deadline;
  }

  /** Removes addresses whose lifetime is over, and marks those past their preferred one (`check_lifetime`). */
  tick(now: Nanos): void {
    if (now < this.#deadline) return;
    for (const a of this.list()) {
      if (!this.list(a.ifindex).includes(a)) continue; // it went with its primary address
      if (a.validUntil <= now) {
        this.#delete(a, this.#host.promotesSecondaries?.(a.ifindex) ?? false, false);
      } else if (a.preferredUntil <= now && !a.deprecated) {
        a.deprecated = true;
        this.#note("change", a);
      }
    }
    this.#deadline = NEVER;
    for (const a of this.list()) this.#watch(a);
    this.#publish();
  }

  /** Tells of every address that comes, goes or changes, once its routes did. The result ends it. */
  onChange(listener: (change: AddressChange) => void): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((l) => l !== listener);
    };
  }

  /** net/ipv4/devinet.c:__inet_del_ifa. */
  #delete(a: Ifaddr, promotes: boolean, dying: boolean): void {
    const list = this.#lists.get(a.ifindex) as Ifaddr[];
    const mates = a.secondary || dying ? [] : list.filter((b) => b.secondary && sameSubnet(b, a));
    const up = this.#host.device(a.ifindex)?.up ?? false;
    if (!promotes) for (const mate of mates) this.#drop(list, mate, dying);
    // The subnet's routes get another source: all go now, and come back when the new primary address is in its place.
    else for (const mate of mates) removeRoutes(this.#fib, list, mate, a, false);
    const at = list.indexOf(a);
    this.#drop(list, a, dying);
    const heir = promotes ? mates[0] : undefined;
    if (heir === undefined) return;
    list.splice(list.indexOf(heir), 1);
    list.splice(Math.max(at, behindPrimaries(list, a.scope)), 0, heir);
    heir.secondary = false;
    this.#note("change", heir);
    this.#activate(list, heir, up);
    for (const mate of mates.slice(1)) addRoutes(this.#fib, list, mate, up);
  }

  /** Unlinks one address. */
  #drop(list: Ifaddr[], a: Ifaddr, dying: boolean): void {
    list.splice(list.indexOf(a), 1);
    this.#count--;
    const left = (this.#local.get(a.address) as number) - 1;
    if (left === 0) this.#local.delete(a.address);
    else this.#local.set(a.address, left);
    this.#note("del", a);
    removeRoutes(this.#fib, list, a, undefined, dying);
    if (list.length === 0) this.#fib.lastAddressRemoved(a.ifindex);
  }

  /** net/ipv4/fib_frontend.c:fib_inetaddr_event. */
  #activate(list: readonly Ifaddr[], a: Ifaddr, up: boolean): void {
    addRoutes(this.#fib, list, a, up);
    this.#fib.deviceUp(a.ifindex);
  }

  #watch(a: Ifaddr): void {
    this.#deadline = Math.min(this.#deadline, a.validUntil, a.deprecated ? NEVER : a.preferredUntil);
  }

  #indices(): number[] {
    return [...this.#lists.keys()].sort((a, b) => a - b);
  }

  #note(op: AddressChange["op"], address: Ifaddr): void {
    if (this.#listeners.length > 0) (this.#news ??= []).push({ op, address });
  }

  /** Tells what was noted: last, so that listeners may act on what they hear. */
  #publish(): Outcome {
    const news = this.#news ?? [];
    this.#news = null;
    for (const change of news) for (const listener of this.#listeners) listener(change);
    return done;
  }
}

const NO_LISTENERS: readonly [] = [];
const LOOPBACK: Ipv4 = 0x7f000001;
const LABEL_MAX = 15;

/** Where a new primary address of that scope stands: behind the last one of its scope or a narrower one. */
const behindPrimaries = (list: readonly Ifaddr[], scope: number): number =>
  1 + list.findLastIndex((b) => !b.secondary && scope <= b.scope);

const makeAddress = (ifindex: number, name: string, spec: AddressSpec): Ifaddr => ({
  ifindex,
  address: spec.address,
  peer: spec.peer ?? spec.address,
  length: spec.length,
  broadcast: spec.broadcast ?? 0,
  scope: spec.scope ?? (isLoopback(spec.address) ? SCOPE_HOST : SCOPE_GLOBAL),
  noPrefixRoute: spec.noPrefixRoute ?? false,
  label: spec.label ?? name,
  secondary: false,
  deprecated: false,
  metric: spec.metric ?? 0,
  validUntil: spec.validUntil ?? NEVER,
  preferredUntil: spec.preferredUntil ?? NEVER,
});
