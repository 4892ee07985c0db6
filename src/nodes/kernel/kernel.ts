import { formatIp } from "../../core/addr.ts";
import { DROP_REASONS, type DropReason, dropReason } from "../../core/drop.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import type { Os } from "../../core/os.ts";
import type { Packet } from "../../core/packet.ts";
import { Alarm, type Simulation } from "../../core/sim.ts";
import { NEVER } from "../../core/time.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_MPLS,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  HEADER,
} from "../../protocols/ethernet/wire.ts";
import { dst as ipDst, src as ipSrc } from "../../protocols/ipv4/wire.ts";
import { removeTag, TAG, VID_NONE, vid } from "../../protocols/vlan/wire.ts";
import { AddressBook, type AddressChange } from "./addresses.ts";
import { Arp } from "./arp.ts";
import type { Cpu } from "./cpu.ts";
import { LoopbackDevice } from "./dev/loopback.ts";
import { DeviceTable } from "./device-table.ts";
import { Fib } from "./fib/fib.ts";
import { KernelFibHost } from "./fib-host.ts";
import { DeviceConf, InDevice, NeighParms } from "./in-device.ts";
import { Icmp } from "./ipv4/icmp.ts";
import { Ipv4 } from "./ipv4/ipv4.ts";
import { Mpls } from "./mpls/mpls.ts";
import { NeighTable } from "./neigh-table.ts";
import type { NetDevice } from "./netdev.ts";
import type { BridgeHooks } from "./netfilter/ebtables/hooks.ts";
import type { Netfilter } from "./netfilter/hooks.ts";
import { KernelOs } from "./os.ts";
import { RawSockets } from "./raw.ts";
import { saw } from "./saw.ts";
import { Sysctl } from "./sysctl.ts";
import { Tcp } from "./tcp.ts";
import { Udp } from "./udp.ts";

const UNKNOWN_TYPE = dropReason("unknown ethertype");
const TOO_SHORT = dropReason("frame too short");
const NO_VLAN = dropReason("no VLAN device for this tag");
const POWERED_OFF = dropReason("node is powered off");

/** What a device tells those who watch it. */
export type DeviceEvent = "registered" | "unregistered" | "up" | "down" | "carrier" | "address" | "mtu" | "renamed";

/** One Linux network namespace: devices, addresses, routes, neighbours, protocols and sockets, in Linux's own order. */
export class Kernel {
  // What every packet asks for stands first, so that it shares cache lines.
  /** The processor that packets wait for, where a node has one. */
  cpu: Cpu | null = null;
  /** netfilter, once a hook of it is used: until then packets ask no more than whether it is there. */
  netfilter: Netfilter | null = null;
  /** Likewise for frames that cross a bridge. */
  bridgeFilter: BridgeHooks | null = null;
  /** Some device has had a queueing discipline: packets of sockets count until they have left. */
  queueing = false;
  #powered = true;
  readonly ipv4: Ipv4;
  readonly udp: Udp;
  readonly sim: Simulation;
  readonly sysctl = new Sysctl();

  readonly name: string;
  #drops: Float64Array | null = null;
  /** Makes this node's hashes differ from its neighbours', or equal-cost choices would line up along a path. */
  readonly hashSeed: number;
  readonly #devices = new DeviceTable();
  /** netfilter and ebtables, once somebody asked for them: `netfilter(kernel)`, `bridgeHooks(kernel)`. */
  firewall: Netfilter | null = null;
  bridgeFirewall: BridgeHooks | null = null;
  readonly #watchers: ((dev: NetDevice, event: DeviceEvent) => void)[] = [];

  readonly fib: Fib;
  readonly addresses: AddressBook;
  readonly neigh: NeighTable;
  readonly arp: Arp;
  readonly icmp: Icmp;
  readonly raw: RawSockets;
  readonly tcp: Tcp;
  readonly loopback: LoopbackDevice;
  #os: Os | null = null;
  #mpls: Mpls | null = null;
  /** `ip neigh add proxy`: "ifindex address"; ifindex 0: on every device. */
  readonly proxyNeighbours = new Set<string>();
  /** Rings when an address's lifetime is over. Made when one has a lifetime. */
  #lifetimes: Alarm | null = null;

  constructor(sim: Simulation, name: string) {
    this.sim = sim;
    this.name = name;
    this.hashSeed = sim.rngOnce(`hash ${name}`).u32();
    const host = new KernelFibHost(this);
    this.fib = new Fib(host);
    this.addresses = new AddressBook(this.fib, host);
    this.neigh = new NeighTable(this);
    this.ipv4 = new Ipv4(this);
    this.addresses.onChange((change) => this.#addressesChanged(change));
    this.arp = new Arp(this);
    this.icmp = new Icmp(this);
    this.raw = new RawSockets(this);
    this.udp = new Udp(this);
    this.tcp = new Tcp(this);
    this.loopback = new LoopbackDevice(this, "lo", 1);
    this.#install(this.loopback);
    this.setUp(this.loopback, true);
  }

  /** Packets dropped here, by reason: see `DROP_REASONS`. Made when the first one is dropped, or somebody looks. */
  get drops(): Float64Array {
    this.#drops ??= new Float64Array(DROP_REASONS.length);
    return this.#drops;
  }

  /** The system calls of programs on this node. Made when the first one asks. */
  get os(): Os {
    this.#os ??= new KernelOs(this);
    return this.#os;
  }

  /** Label switching. Made when somebody asks for it: until then labelled frames are of a type that nobody knows. */
  get mpls(): Mpls {
    this.#mpls ??= new Mpls(this);
    return this.#mpls;
  }

  /** Looked-up routes may be wrong, and the address that ends first may be another. */
  #addressesChanged({ op, address: { ifindex } }: AddressChange): void {
    this.ipv4.routes.invalidate();
    const dev = op === "del" && this.addresses.list(ifindex).length === 0 ? this.deviceByIndex(ifindex) : undefined;
    if (dev !== undefined) this.neigh.flushDevice(dev); // net/ipv4/fib_frontend.c:fib_disable_ip
    const end = this.addresses.deadline();
    if (end === NEVER && this.#lifetimes === null) return;
    this.#lifetimes ??= new Alarm(this.sim, this.name, () => this.addresses.tick(this.sim.now));
    this.#lifetimes.set(end);
  }

  // --- devices -------------------------------------------------------------------------------------------------

  /** Every device, by ifindex. */
  devices(): Generator<NetDevice> {
    return this.#devices.all();
  }
  device(name: string): NetDevice | undefined {
    return this.#devices.find(name);
  }
  deviceByIndex(ifindex: number): NetDevice | undefined {
    return this.#devices.at(ifindex);
  }

  /**
   * Registers the device that `make` builds under the next free ifindex. `make` gets the name (with `%d` filled in) and
   * the index.
   */
  register<D extends NetDevice>(name: string, make: (name: string, ifindex: number) => D): Outcome<D> {
    const final = this.#devices.nameFor(name);
    if (final === undefined) return refused("EINVAL", `"${name}" not a valid ifname`);
    if (this.#devices.find(final) !== undefined) return refused("EEXIST");
    const ifindex = this.#devices.freeIndex();
    if (ifindex === 0) return refused("ENOSPC");
    const dev = make(final, ifindex);
    this.#install(dev);
    return { ok: true, value: dev };
  }

  /** Takes a device down and away, with everything that hangs on it. */
  unregister(dev: NetDevice): void {
    if (this.#devices.at(dev.ifindex) !== dev) return;
    this.setUp(dev, false);
    dev.vlans?.lowerRemoved();
    this.#forget(dev);
    dev.destroyed();
  }

  /** Lets a device go to another namespace, down and without what hung on it: see `moveDevice`. */
  release(dev: NetDevice): void {
    this.setUp(dev, false);
    this.#forget(dev);
  }
  /** Takes in a device that another namespace let go, under a name that is free here. It keeps its number if it can. */
  adopt(dev: NetDevice, name: string): Outcome {
    const ifindex = this.#devices.at(dev.ifindex) === undefined ? dev.ifindex : this.#devices.freeIndex();
    if (ifindex === 0) return refused("ENOSPC");
    dev.name = name;
    dev.moved(this, ifindex);
    this.#install(dev);
    return done;
  }

  /** `ip link set NAME name NEW`. */
  rename(dev: NetDevice, name: string): Outcome {
    if (name === dev.name) return done;
    const final = this.#devices.nameFor(name);
    if (final === undefined) return refused("EINVAL", `"${name}" not a valid ifname`);
    if (this.#devices.find(final) !== undefined) return refused("EEXIST");
    this.#devices.rename(dev, final);
    this.addresses.deviceRenamed(dev.ifindex, final);
    this.notify(dev, "renamed");
    return done;
  }

  /** `ip link set NAME up|down`: addresses, routes and neighbours follow as on Linux. */
  setUp(dev: NetDevice, up: boolean): Outcome {
    if (dev.up === up) return done;
    const opened = up ? dev.mayOpen() : done;
    if (!opened.ok) return opened;
    dev.up = up;
    if (up) dev.activated = true;
    else dev.qdisc?.reset();
    dev.adminChanged();
    if (up) {
      this.addresses.deviceUp(dev.ifindex);
      this.fib.deviceUp(dev.ifindex);
    } else {
      this.neigh.flushDevice(dev);
      for (const proxy of this.proxyNeighbours)
        if (proxy.startsWith(`${dev.ifindex} `)) this.proxyNeighbours.delete(proxy); // pneigh_ifdown
      this.addresses.deviceDown(dev.ifindex);
      this.fib.deviceDown(dev.ifindex);
    }
    this.ipv4.routes.invalidate();
    this.notify(dev, up ? "up" : "down");
    if (up && dev.inet.max("arp_notify") !== 0) this.arp.notify(dev);
    return done;
  }

  /** The other end of the device's medium came or went (`netif_carrier_on`, `netif_carrier_off`). */
  setCarrier(dev: NetDevice, carrier: boolean): void {
    if (dev.carrier === carrier) return;
    dev.carrier = carrier;
    dev.carrierChanges++;
    if (!carrier) dev.qdisc?.reset();
    this.fib.carrierChanged(dev.ifindex);
    if (!carrier) this.neigh.flushDevice(dev, true);
    this.ipv4.routes.invalidate();
    this.notify(dev, "carrier");
  }

  setMac(dev: NetDevice, mac: number): void {
    const changed = dev.mac !== mac;
    dev.mac = mac;
    dev.macChosen();
    if (!changed) return;
    this.neigh.flushDevice(dev);
    this.notify(dev, "address");
    if (dev.up && dev.inet.max("arp_notify") !== 0) this.arp.notify(dev);
  }

  setMtu(dev: NetDevice, mtu: number): Outcome {
    const [low, high] = dev.mtuRange;
    if (mtu < low) return refused("EINVAL", "mtu less than device minimum");
    if (mtu > high) return refused("EINVAL", "mtu greater than device maximum");
    const allowed = dev.mayChangeMtu(mtu);
    if (!allowed.ok) return allowed;
    dev.mtu = mtu;
    this.ipv4.routes.invalidate();
    this.notify(dev, "mtu");
    return done;
  }

  /** `net.ipv4.ip_forward`: sets forwarding everywhere, and resets what routers and hosts do differently (inet_forward_change). */
  setForwarding(on: boolean): void {
    const value = on ? 1 : 0;
    this.sysctl.all.forwarding = value;
    this.sysctl.all.accept_redirects = on ? 0 : 1;
    this.sysctl.default.forwarding = value;
    for (const dev of this.devices()) dev.inet.conf.forwarding = value;
    this.ipv4.routes.invalidate();
  }

  /** Calls `watcher` after every change of a device. */
  watchDevices(watcher: (dev: NetDevice, event: DeviceEvent) => void): void {
    this.#watchers.push(watcher);
  }

  notify(dev: NetDevice, event: DeviceEvent): void {
    dev.rxHandler?.portChanged(event);
    dev.vlans?.lowerChanged(event);
    for (const watcher of this.#watchers) watcher(dev, event);
    const { sim } = this;
    if (sim.trace.on)
      sim.trace.emit(sim.now, this.name, "link", { dev: dev.name, event, up: dev.up, carrier: dev.carrier });
  }

  /** The IPv4 state of a new device: settings are copied from `default`. */
  newInDevice(dev: NetDevice): InDevice {
    const conf = Object.assign(new DeviceConf(), this.sysctl.default);
    return new InDevice(this, dev, conf, Object.assign(new NeighParms(), this.sysctl.neighDefault));
  }

  // --- packets -------------------------------------------------------------------------------------------------

  /**
   * net/core/dev.c:__netif_receive_skb_core: a frame that `dev` received, link header first, `type` and counters set.
   * Takes ownership.
   */
  receive(p: Packet, dev: NetDevice): void {
    p.iif = dev.ifindex;
    if (dev.tapped) dev.tap(p, false);
    if (dev.ingress !== null && !dev.ingress.admit(p)) return;
    if (dev.headerLength === 0) return this.ipv4.receive(p, dev);
    if (p.end - p.start < HEADER) return this.drop(p, TOO_SHORT, dev.name);
    const type = p.view.getUint16(p.start + 12);
    const tagged = type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ;
    if (tagged && dev.vlans?.handleTagged(p)) return;
    if (dev.rxHandler?.handleFrame(p)) return;
    if (tagged) return this.#receiveTagged(p, dev);
    this.#deliver(p, dev, type);
  }

  /** The packet reached its end. */
  consume(p: Packet): void {
    if (p.nfct !== 0) this.netfilter?.release(p);
    this.sim.pool.release(p);
  }

  /** The packet ends here, counted under `reason`; `where` names the device or the rule. */
  drop(p: Packet, reason: DropReason, where: string): void {
    this.drops[reason]! += 1;
    if (p.nfct !== 0) this.netfilter?.release(p);
    if (p.trail !== null) saw(p, this, where, "drop", DROP_REASONS[reason] as string);
    const { sim } = this;
    if (p.record !== 0) sim.capture?.comment(p.record, `dropped by ${this.name} (${where}): ${DROP_REASONS[reason]}`);
    if (sim.trace.on) {
      const addressed = p.net > 0 && p.net + 20 <= p.end;
      sim.trace.emit(sim.now, this.name, "drop", {
        reason: DROP_REASONS[reason] as string,
        where,
        length: p.length,
        ...(addressed ? { src: formatIp(ipSrc(p.buf, p.net)), dst: formatIp(ipDst(p.buf, p.net)) } : {}),
      });
    }
    sim.pool.release(p);
  }

  // --- power ---------------------------------------------------------------------------------------------------

  get powered(): boolean {
    return this.#powered;
  }
  /** A node without power loses its carriers, and hears nothing. Its configuration survives: it is what a boot would load. */
  setPower(on: boolean): void {
    if (this.#powered === on) return;
    this.#powered = on;
    for (const dev of this.devices()) if (dev !== this.loopback) dev.powerChanged(on);
  }
  /** Takes a frame that arrived while the node is off. */
  refuseWhileOff(p: Packet): boolean {
    if (this.#powered) return false;
    this.drop(p, POWERED_OFF, this.name);
    return true;
  }

  #deliver(p: Packet, dev: NetDevice, type: number): void {
    if (type === ETHERTYPE_IPV4) {
      p.start += HEADER;
      return this.ipv4.receive(p, dev);
    }
    if (type === ETHERTYPE_ARP) {
      p.start += HEADER;
      return this.arp.receive(p, dev);
    }
    if (type === ETHERTYPE_MPLS && this.#mpls !== null) {
      p.start += HEADER;
      return this.#mpls.receive(p, dev);
    }
    this.drop(p, UNKNOWN_TYPE, dev.name);
  }

  /** A tag that no VLAN device took: one that carries no more than a priority is taken off (`check_vlan_id`). */
  #receiveTagged(p: Packet, dev: NetDevice): void {
    while (p.end - p.start >= HEADER + TAG && vid(p.buf, p.start + HEADER) === VID_NONE) {
      removeTag(p.buf, p.start);
      p.start += TAG;
      const type = p.view.getUint16(p.start + 12);
      if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_QINQ) return this.#deliver(p, dev, type);
      if (dev.vlans?.handleTagged(p)) return;
    }
    this.drop(p, NO_VLAN, dev.name);
  }

  /** Takes away what hangs on a device that is down: addresses, routes, neighbours, and its place in a bridge. */
  #forget(dev: NetDevice): void {
    for (const a of [...this.addresses.list(dev.ifindex)]) this.addresses.remove(dev.ifindex, a.address, a.length);
    dev.rxHandler?.portRemoved();
    dev.qdisc?.destroy();
    dev.ingress?.destroy();
    this.notify(dev, "unregistered");
    this.neigh.flushDevice(dev);
    this.fib.deviceRemoved(dev.ifindex);
    this.#devices.remove(dev);
    this.ipv4.routes.invalidate();
  }

  #install(dev: NetDevice): void {
    this.#devices.add(dev);
    this.notify(dev, "registered");
  }
}
