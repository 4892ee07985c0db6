import { broadcastOf, formatPrefix, type Ipv4, isLoopback, networkOf, type Prefix } from "../../core/addr.ts";
import { strerror } from "../../core/errno.ts";
import type { Os, OsAddress, OsLink } from "../../core/os.ts";
import type { Nanos } from "../../core/time.ts";
import { activeParams, type LinkParams } from "../link-params.ts";
import type { ZebraAddress, ZebraInterface } from "../zapi.ts";

/** What is configured of an interface. */
class InterfaceConfig {
  description = "";
  /** Mbit/s; 0: what the device says. */
  bandwidthMbps = 0;
  shutdown = false;
  linkDetect = true;
  /** Undefined: as the device is. */
  multicast: boolean | undefined = undefined;
  addresses: readonly Prefix[] = [];
  /** Undefined: traffic engineering knows nothing of it. */
  linkParams: LinkParams | undefined = undefined;
}

/** An interface as zebra knows it: the kernel's facts, and what is configured. It may be configured before it is there. */
export class Interface {
  readonly ifname: string;
  readonly config = new InterfaceConfig();
  link: OsLink | undefined;
  addresses: readonly OsAddress[] = [];
  ups = 0;
  downs = 0;
  lastUpAt: Nanos | undefined;
  lastDownAt: Nanos | undefined;

  constructor(ifname: string) {
    this.ifname = ifname;
  }

  /** Up, and running unless that does not matter (`no link-detect`). */
  get operative(): boolean {
    const { link } = this;
    return link?.up === true && (link.carrier || !this.config.linkDetect);
  }
  get loopback(): boolean {
    return this.link?.kind === "loopback";
  }
  /** Mbit/s that the device reports; 0: nothing. */
  get speedMbps(): number {
    return Math.round((this.link?.speedBps ?? 0) / 1e6);
  }
  /** What daemons are told of it. */
  told(): ZebraInterface | undefined {
    const { link } = this;
    if (link === undefined) return undefined;
    const { linkParams } = this.config;
    const bandwidthMbps = this.config.bandwidthMbps || this.speedMbps;
    return {
      ...(linkParams === undefined ? {} : { linkParams: activeParams(linkParams, this.config.bandwidthMbps) }),
      ifname: this.ifname,
      ifindex: link.ifindex,
      mtuBytes: link.mtuBytes,
      bandwidthMbps,
      up: link.up,
      running: link.carrier || !this.config.linkDetect,
      loopback: this.loopback,
      broadcast: link.ethernet && !this.loopback,
      pointToPoint: link.pointToPoint ?? false,
      multicast: this.config.multicast ?? link.multicast ?? link.ethernet,
      addresses: this.addresses.map(toldAddress),
    };
  }
}

/** Interfaces, at most. */
export const INTERFACES_MAX = 65_536;

/** The interfaces of a node. `changed` is told of one whose state, addresses or configuration are others now. */
export class Interfaces {
  readonly #os: Os;
  readonly #all = new Map<string, Interface>();
  #sorted: readonly Interface[] | undefined;
  readonly #changed: (i: Interface, was: boolean) => void;

  constructor(os: Os, changed: (i: Interface, wasOperative: boolean) => void) {
    this.#os = os;
    this.#changed = changed;
  }

  find(ifname: string): Interface | undefined {
    return this.#all.get(ifname);
  }
  /** By name, as FRR's tree has them; those that are only configured too. */
  all(): readonly Interface[] {
    return (this.#sorted ??= [...this.#all.values()].sort((a, b) => compareNames(a.ifname, b.ifname)));
  }
  /** The interface of that name, made if need be. */
  make(ifname: string): Interface | undefined {
    const known = this.#all.get(ifname);
    if (known !== undefined || this.#all.size >= INTERFACES_MAX) return known;
    const made = new Interface(ifname);
    this.#all.set(ifname, made);
    this.#sorted = undefined;
    return made;
  }
  byIndex(ifindex: number): Interface | undefined {
    for (const i of this.#all.values()) if (i.link?.ifindex === ifindex) return i;
    return undefined;
  }

  /** Looks at all devices and addresses anew. */
  scan(): void {
    for (const link of this.#os.link.list()) this.linkNew(link);
  }

  /** A device is there, or has changed. */
  linkNew(link: OsLink): void {
    const renamed = this.byIndex(link.ifindex);
    if (renamed !== undefined && renamed.ifname !== link.ifname) this.linkGone(renamed.ifname);
    const i = this.make(link.ifname);
    if (i === undefined) return;
    const [fresh, was] = [i.link === undefined, i.operative];
    i.link = link;
    i.addresses = this.#addressesOf(link.ifname);
    if (was !== i.operative && !fresh) this.#count(i);
    if (fresh) this.#apply(i);
    this.#changed(i, was);
  }
  /** A device is no more. */
  linkGone(ifname: string): void {
    const i = this.#all.get(ifname);
    if (i?.link === undefined) return;
    const was = i.operative;
    i.link = undefined;
    i.addresses = [];
    this.#changed(i, was);
  }
  addressesChanged(ifname: string): void {
    const i = this.#all.get(ifname);
    if (i?.link === undefined) return;
    i.addresses = this.#addressesOf(ifname);
    this.#changed(i, i.operative);
  }
  /** The configuration of an interface is another one. */
  configured(i: Interface): void {
    if (i.link !== undefined) this.#changed(i, i.operative);
  }

  /** `ip address A/M`. Returns why not. */
  addAddress(i: Interface, p: Prefix): string | undefined {
    if (i.config.addresses.some((a) => same(a, p))) return undefined;
    i.config.addresses = [...i.config.addresses, p];
    return this.#install(i, p);
  }
  /** `no ip address A/M`. */
  removeAddress(i: Interface, p: Prefix): string | undefined {
    if (!i.config.addresses.some((a) => same(a, p))) return `% Can't find address\n`;
    i.config.addresses = i.config.addresses.filter((a) => !same(a, p));
    if (i.link !== undefined) this.#os.addr.del(i.ifname, p.address, p.length);
    return undefined;
  }
  shutdown(i: Interface, on: boolean): void {
    i.config.shutdown = on;
    if (i.link !== undefined) this.#os.link.setUp(i.ifname, !on);
  }

  #apply(i: Interface): void {
    if (i.config.shutdown) this.#os.link.setUp(i.ifname, false);
    for (const p of i.config.addresses) this.#install(i, p);
  }
  /** zebra/interface.c:if_ip_address_install: a device that is down comes up with its first address. */
  #install(i: Interface, p: Prefix): string | undefined {
    if (i.link === undefined) return undefined;
    if (!i.link.up && !i.config.shutdown) this.#os.link.setUp(i.ifname, true);
    const broadcast = p.length === 31 ? 0xffffffff : broadcastOf(p.address, p.length);
    const added = this.#os.addr.add(i.ifname, p.address, p.length, broadcast);
    if (added.ok || added.errno === "EEXIST") return undefined;
    return `% Can't set interface IP address: ${added.detail ?? strerror(added.errno)}.\n`;
  }
  #addressesOf(ifname: string): readonly OsAddress[] {
    return this.#os.addr.list().filter((a) => a.ifname === ifname && !isLoopback(a.address));
  }
  #count(i: Interface): void {
    if (i.operative) {
      i.ups++;
      i.lastUpAt = this.#os.now();
    } else {
      i.downs++;
      i.lastDownAt = this.#os.now();
    }
  }
}

/** The network that an address connects to: its own, or its peer's. */
export const connectedPrefix = (a: OsAddress): Prefix => ({
  address: networkOf(a.peer || a.address, a.length),
  length: a.length,
});

/** The highest address of a loopback device, else of any (zebra/router-id.c:router_id_get); 0: there is none. */
export function chooseRouterId(interfaces: readonly Interface[]): Ipv4 {
  const highest = (some: readonly Interface[]): Ipv4 =>
    Math.max(0, ...some.flatMap((i) => i.addresses.map((a) => a.address)));
  return highest(interfaces.filter((i) => i.loopback)) || highest(interfaces);
}

const same = (a: Prefix, b: Prefix): boolean => a.address === b.address && a.length === b.length;

function toldAddress(a: OsAddress): ZebraAddress {
  const prefix = { address: a.address, length: a.length };
  const secondary = a.secondary ?? false;
  return a.peer ? { prefix, secondary, peer: a.peer } : { prefix, secondary };
}

/** lib/if.c:if_cmp_name_func: numbers in names count as numbers. */
function compareNames(a: string, b: string): number {
  const parts = (name: string): readonly string[] => name.match(/\d+|\D+/g) ?? [];
  const [x, y] = [parts(a), parts(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const [p, q] = [x[i] as string, y[i] as string];
    if (p === q) continue;
    const numeric = /^\d/.test(p) && /^\d/.test(q);
    if (numeric && Number(p) !== Number(q)) return Number(p) - Number(q);
    return p < q ? -1 : 1;
  }
  return x.length - y.length;
}

/** `10.0.0.1/24`, as interfaces are configured. */
export const addressText = (a: OsAddress): string => formatPrefix({ address: a.address, length: a.length });
