import type { Mac } from "../../../core/addr.ts";
import { type DropReason, dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { type Nanos, S } from "../../../core/time.ts";
import { ETHERTYPE_QINQ, ETHERTYPE_VLAN } from "../../../protocols/ethernet/wire.ts";
import { GROUP_MAC } from "../../../protocols/stp/wire.ts";
import { TAG } from "../../../protocols/vlan/wire.ts";
import type { Kernel } from "../kernel.ts";
import { ETHERNET_HEADER, fits, NetDevice, randomMac } from "../netdev.ts";
import { sawFlood, sawForward } from "../saw.ts";
import { BridgeFdb } from "./bridge-fdb.ts";
import { BridgePort, STATE_DISABLED, STATE_FORWARDING, STATE_LEARNING } from "./bridge-port.ts";
import { BridgeStp } from "./bridge-stp.ts";
import { addVlan, tagFor, VlanGroup, vlanOf } from "./bridge-vlan.ts";
import { FDB_LOCAL } from "./fdb.ts";
import { mayStandOn } from "./nesting.ts";

const NOT_FORWARDING = dropReason("bridge: port is not forwarding");
const SAME_PORT = dropReason("bridge: same port");
const NO_PORT = dropReason("bridge: no port to send to");
const VLAN_FILTER = dropReason("bridge: VLAN filter");
const LOCKED = dropReason("bridge: locked port");
const ISOLATED = dropReason("bridge: isolated ports");
const LINK_LOCAL = dropReason("bridge: link-local frame");
const TOO_LONG = dropReason("frame longer than the device's MTU");

/** Ports are numbered from 1 to this (`BR_MAX_PORTS`, 10 bits of the port identifier). */
const PORT_NUMBER_MAX = 1023;
const MTU_DEFAULT = 1500;
/** What a provider bridge forwards besides: the groups of customer bridges (`BR_GROUPFWD_8021AD`). */
const CUSTOMER_GROUPS = 0xb801;

/** To whom a frame that is flooded goes. */
const UNKNOWN = 0;
const MULTICAST = 1;
const BROADCAST = 2;

/** `ip link add NAME type bridge`. */
export const addBridge = (kernel: Kernel, name: string): Outcome<BridgeDevice> =>
  kernel.register(name, (final, ifindex) => new BridgeDevice(kernel, final, ifindex));

/** `brctl delbr NAME` (br_if.c:br_del_bridge); `ip link del` does not ask whether it is up. */
export function deleteBridge(kernel: Kernel, name: string): Outcome {
  const dev = kernel.device(name);
  if (dev === undefined) return refused("ENXIO");
  if (!(dev instanceof BridgeDevice)) return refused("EPERM");
  if (dev.up) return refused("EBUSY");
  kernel.unregister(dev);
  return done;
}

/** A learning bridge with VLANs and a spanning tree (net/bridge/). Multicast is flooded: groups are not snooped. */
export class BridgeDevice extends NetDevice {
  override readonly kind = "bridge";
  /** In the order in which they joined. Replaced, never changed. */
  ports: readonly BridgePort[] = [];
  readonly fdb: BridgeFdb;
  readonly stp: BridgeStp;
  /** The VLANs of the bridge itself. */
  readonly ownVlans = new VlanGroup();
  /** `ageing_time`. */
  ageingTime: Nanos = 300 * S;
  vlanFiltering = false;
  vlanProtocol = ETHERTYPE_VLAN;
  defaultPvid = 1;
  /** Where BPDUs go: `group_address`. */
  groupAddress: Mac = GROUP_MAC;
  groupAddressChosen = false;
  /** Bit n: frames to 01:80:c2:00:00:0n are forwarded: `group_fwd_mask`. */
  groupFwdMask = 0;
  noLinklocalLearn = false;
  /** Topology changes seen here. */
  topologyChanges = 0;
  /** False until ports have decided on the carrier: Linux then calls the state UNKNOWN. */
  #carrierKnown = false;
  #macChosen = false;
  #mtuChosen = false;
  /** The bridge changes its own MAC or MTU now: nobody chose it. */
  #adopting = false;
  /** The MAC that stands in the forwarding database. */
  #localMac: Mac;

  constructor(kernel: Kernel, name: string, ifindex: number) {
    super(kernel, name, ifindex);
    this.mac = randomMac(kernel, name);
    this.#localMac = this.mac;
    this.fdb = new BridgeFdb(this, this.ageingTime);
    this.stp = new BridgeStp(this);
    this.fdb.addLocal(this.mac, 0, null);
    addVlan(this, null, this.defaultPvid, { pvid: true, untagged: true });
  }

  /** Up, on a node with power: ports that run take part. */
  get active(): boolean {
    return this.up && this.kernel.powered;
  }
  /** As `ip link` prints it after `state`. */
  get operstate(): "UNKNOWN" | "UP" | "DOWN" {
    if (!this.up || !this.carrier) return "DOWN";
    return this.#carrierKnown ? "UP" : "UNKNOWN";
  }
  /** The speed of its fastest running port (br_device.c:br_get_link_ksettings). */
  override get speedBps(): number {
    return this.ports.reduce((most, p) => (p.dev.running ? Math.max(most, p.dev.speedBps) : most), 0);
  }
  override lowers(): readonly NetDevice[] {
    return this.ports.map((p) => p.dev);
  }
  port(name: string): BridgePort | undefined {
    return this.ports.find((p) => p.dev.name === name);
  }
  portByNumber(number: number): BridgePort | undefined {
    return this.ports.find((p) => p.number === number);
  }

  // --- ports ---------------------------------------------------------------------------------------------------

  /** br_if.c:br_add_if. */
  addPort(dev: NetDevice): Outcome<BridgePort> {
    if (dev.headerLength !== ETHERNET_HEADER || dev.mac === 0 || dev === this.kernel.loopback) return refused("EINVAL");
    if (dev instanceof BridgeDevice) return refused("ELOOP", "Can not enslave a bridge to a bridge");
    if (dev.master !== undefined || dev.kernel !== this.kernel) return refused("EBUSY");
    const stacked = mayStandOn(dev, this);
    if (!stacked.ok) return stacked;
    const number = this.#freeNumber();
    if (number === 0) return refused("EXFULL");
    const port = new BridgePort(this, dev, number);
    dev.rxHandler = port;
    dev.promiscuity++;
    dev.allmulti++;
    this.ports = [...this.ports, port];
    this.fdb.addLocal(dev.mac, 0, port);
    if (this.defaultPvid !== 0) addVlan(this, port, this.defaultPvid, { pvid: true, untagged: true });
    this.#recalculateMac();
    if (this.active && dev.running) this.enablePort(port);
    this.followPorts();
    this.adjustMtu();
    return { ok: true, value: port };
  }

  /** br_if.c:br_del_if. */
  removePort(dev: NetDevice): Outcome {
    const port = this.ports.find((p) => p.dev === dev);
    if (port === undefined) return refused("EINVAL");
    this.#release(port);
    this.#recalculateMac();
    this.followPorts();
    this.adjustMtu();
    return done;
  }

  /** A port that runs takes part from now on. */
  enablePort(port: BridgePort): void {
    this.stp.portUp(port);
    this.followPorts();
  }
  disablePort(port: BridgePort): void {
    this.stp.portDown(port);
    this.followPorts();
  }

  /**
   * The bridge has a carrier while a port forwards (br_stp.c:br_port_state_selection). `decided`: the spanning tree looked at
   * the ports, be there none, as it does when the bridge's identifier changes.
   */
  followPorts(decided = false): void {
    if (decided || this.ports.length > 0) this.#carrierKnown = true;
    if (!this.#carrierKnown) return;
    this.kernel.setCarrier(
      this,
      this.ports.some((p) => p.state === STATE_FORWARDING),
    );
  }
  /** Addresses age as fast as the spanning tree, or the administrator, wants. */
  followAgeing(): void {
    this.fdb.hold = this.stp.ageing ?? this.ageingTime;
  }
  topologyChanged(): void {
    this.topologyChanges++;
    const { sim, name } = this.kernel;
    if (sim.trace.on) sim.trace.emit(sim.now, name, "bridge.topology-change", { bridge: this.name });
  }

  portAddressChanged(port: BridgePort): void {
    this.fdb.portAddressChanged(port);
    this.#recalculateMac();
  }

  /** The smallest MTU of the ports, unless somebody chose one (br_if.c:br_mtu_auto_adjust). */
  adjustMtu(): void {
    if (this.#mtuChosen) return;
    const mtu = this.ports.reduce((least, p) => Math.min(least, p.dev.mtu), Number.POSITIVE_INFINITY);
    this.#adopting = true;
    this.kernel.setMtu(this, mtu === Number.POSITIVE_INFINITY ? MTU_DEFAULT : mtu);
    this.#adopting = false;
  }

  /** `group_address` and what provider bridges forward follow the VLAN protocol (br_vlan.c:recalculate_group_addr). */
  followVlanProtocol(): void {
    if (!this.groupAddressChosen) this.groupAddress = this.#isProvider ? GROUP_MAC + 8 : GROUP_MAC;
  }

  override mayChangeMtu(_mtu: number): Outcome {
    if (!this.#adopting) this.#mtuChosen = true;
    return done;
  }
  override macChosen(): void {
    if (this.#adopting) return;
    this.#macChosen = true;
    const changed = this.mac !== this.#localMac;
    this.#followMac();
    if (changed) this.followPorts(true);
  }
  override adminChanged(): void {
    if (this.kernel.powered) this.#setActive(this.up);
  }
  override powerChanged(on: boolean): void {
    if (this.up) this.#setActive(on);
  }
  override destroyed(): void {
    for (const port of this.ports) this.#release(port);
    this.fdb.stop();
  }

  // --- frames --------------------------------------------------------------------------------------------------

  /** What the IP stack sends (net/bridge/br_device.c:br_dev_xmit). */
  override transmit(p: Packet): void {
    const { stats, fdb } = this;
    stats.txPackets++;
    stats.txBytes += p.end - p.start;
    let vid = 0;
    if (this.vlanFiltering) {
      vid = vlanOf(this.vlanProtocol, this.ownVlans, p);
      if (vid < 0) return this.kernel.drop(p, VLAN_FILTER, this.name);
    }
    const high = p.view.getUint16(p.start);
    const low = p.view.getInt32(p.start + 2);
    if ((high & 0x100) !== 0) {
      return this.#flood(p, high === 0xffff && low === -1 ? BROADCAST : MULTICAST, vid, null, false);
    }
    const slot = fdb.find(high, low, vid);
    if (slot < 0) return this.#flood(p, UNKNOWN, vid, null, false);
    this.#forward(fdb.ports[slot] ?? null, p, vid, null, false);
  }

  /** A frame that `port`, which learns or forwards, received (br_input.c:br_handle_frame_finish). */
  input(port: BridgePort, p: Packet): void {
    const { fdb, kernel } = this;
    const { view } = p;
    let vid = 0;
    if (this.vlanFiltering) {
      vid = vlanOf(this.vlanProtocol, port.vlans, p);
      if (vid < 0) return kernel.drop(p, VLAN_FILTER, port.dev.name);
    }
    const srcHigh = view.getUint16(p.start + 6);
    const srcLow = view.getInt32(p.start + 8);
    if (port.locked && !fdb.isBehind(srcHigh, srcLow, vid, port)) return kernel.drop(p, LOCKED, port.dev.name);
    if (port.learning) fdb.learn(srcHigh, srcLow, vid, port);
    if (port.state === STATE_LEARNING) return kernel.drop(p, NOT_FORWARDING, port.dev.name);
    const high = view.getUint16(p.start);
    const low = view.getInt32(p.start + 2);
    if ((high & 0x100) !== 0) {
      const broadcast = high === 0xffff && low === -1;
      if (!broadcast) this.stats.rxMulticast++;
      this.#flood(p, broadcast ? BROADCAST : MULTICAST, vid, port, true);
      return this.#passUp(p, vid, port);
    }
    const here = this.promiscuity > 0;
    const slot = fdb.find(high, low, vid);
    if (slot < 0) this.#flood(p, UNKNOWN, vid, port, here);
    else {
      if (((fdb.table.flags[slot] as number) & FDB_LOCAL) !== 0) return this.#passUp(p, vid, port);
      fdb.table.used[slot] = kernel.sim.now;
      this.#forward(fdb.ports[slot] ?? null, p, vid, port, here);
    }
    if (here) this.#passUp(p, vid, port);
  }

  /** Whether a frame to 01:80:c2:00:00:0X goes the way of all frames (br_input.c:br_handle_frame). */
  forwardsLinkLocal(port: BridgePort, octet: number): boolean {
    const required = this.#isProvider ? CUSTOMER_GROUPS & ~(1 << (this.groupAddress % 16)) : 0;
    const mask = required | port.groupFwdMask;
    if (octet === 0) return !this.stp.enabled || (mask & 1) !== 0;
    return ((mask | this.groupFwdMask) & (1 << octet)) !== 0;
  }

  /** A link-local frame for this machine; false leaves it to the port's own protocols. */
  receiveLinkLocal(port: BridgePort, p: Packet, octet: number): boolean {
    if (port.learning && port.learns && !this.noLinklocalLearn) {
      const vid = this.vlanFiltering ? vlanOf(this.vlanProtocol, port.vlans, p) : 0;
      if (vid >= 0) this.fdb.learn(p.view.getUint16(p.start + 6), p.view.getInt32(p.start + 8), vid, port);
    }
    const { bridgeFilter } = this.kernel;
    if (bridgeFilter !== null && !bridgeFilter.localIn(p, port.dev, this)) return true;
    bridgeFilter?.received();
    if (!this.stp.enabled || octet !== this.groupAddress % 16) return false;
    if (this.stp.receive(port, p)) this.kernel.consume(p);
    else this.kernel.drop(p, LINK_LOCAL, port.dev.name);
    return true;
  }

  /** br_forward.c:br_flood. `keep`: the frame itself is still needed; otherwise the last port gets it. */
  #flood(p: Packet, kind: number, vid: number, from: BridgePort | null, keep: boolean): void {
    const { ports, kernel } = this;
    let last: BridgePort | null = null;
    if (p.trail !== null) sawFlood(p, this, kind === UNKNOWN);
    for (let i = ports.length - 1; i >= 0; i--) {
      const to = ports[i] as BridgePort;
      if (kind === UNKNOWN) {
        if (!to.flood) continue;
      } else if (from !== null && !(kind === MULTICAST ? to.mcastFlood : to.bcastFlood)) continue;
      if (this.#obstacle(to, vid, from) !== 0) continue;
      if (last !== null) this.#deliver(last, kernel.sim.pool.clone(p), vid, from);
      last = to;
    }
    if (last !== null) this.#deliver(last, keep ? kernel.sim.pool.clone(p) : p, vid, from);
    else if (!keep) kernel.drop(p, NO_PORT, from === null ? this.name : from.dev.name);
  }

  /** br_forward.c:br_forward. */
  #forward(to: BridgePort | null, p: Packet, vid: number, from: BridgePort | null, keep: boolean): void {
    const obstacle = to === null ? NO_PORT : this.#obstacle(to, vid, from);
    if (p.trail !== null && to !== null) sawForward(p, this, to.dev.name);
    if (to !== null && obstacle === 0) return this.#deliver(to, keep ? this.kernel.sim.pool.clone(p) : p, vid, from);
    if (!keep) this.kernel.drop(p, obstacle, to === null ? this.name : to.dev.name);
  }

  /** br_forward.c:should_deliver: why the frame may not go out at `to`; 0 when it may. */
  #obstacle(to: BridgePort, vid: number, from: BridgePort | null): DropReason {
    if (to === from && !to.hairpin) return SAME_PORT;
    if (to.state !== STATE_FORWARDING) return NOT_FORWARDING;
    if (vid !== 0 && !to.vlans.has(vid)) return VLAN_FILTER;
    return to.isolated && from?.isolated ? ISOLATED : 0;
  }

  #deliver(to: BridgePort, p: Packet, vid: number, from: BridgePort | null): void {
    if (vid !== 0) tagFor(this.vlanProtocol, to.vlans, p, vid);
    const { bridgeFilter } = this.kernel;
    if (bridgeFilter !== null && !bridgeFilter.leave(p, from === null ? null : from.dev, to.dev, this)) return;
    if (fits(p, to.dev)) to.dev.send(p);
    else this.kernel.drop(p, TOO_LONG, to.dev.name);
  }

  /** br_input.c:br_pass_frame_up: the frame goes on as if the bridge had received it. */
  #passUp(p: Packet, vid: number, from: BridgePort): void {
    const { stats } = this;
    stats.rxPackets++;
    const tag = p.view.getUint16(p.start + 12) === this.vlanProtocol ? TAG : 0;
    stats.rxBytes += p.end - p.start - ETHERNET_HEADER - tag;
    if (vid !== 0) {
      if (this.promiscuity === 0 && !this.ownVlans.has(vid)) return this.kernel.drop(p, VLAN_FILTER, this.name);
      tagFor(this.vlanProtocol, this.ownVlans, p, vid);
    }
    const { bridgeFilter } = this.kernel;
    if (bridgeFilter !== null && !bridgeFilter.localIn(p, from.dev, this)) return;
    this.kernel.receive(p, this);
    bridgeFilter?.received();
  }

  // --- inside --------------------------------------------------------------------------------------------------

  get #isProvider(): boolean {
    return this.vlanFiltering && this.vlanProtocol === ETHERTYPE_QINQ;
  }

  #setActive(active: boolean): void {
    if (active) {
      this.stp.bridgeUp();
      for (const port of this.ports) if (port.dev.running) this.enablePort(port);
      return;
    }
    for (const port of this.ports) if (port.state !== STATE_DISABLED) this.disablePort(port);
    this.stp.bridgeDown();
  }

  #release(port: BridgePort): void {
    const { dev } = port;
    if (port.state !== STATE_DISABLED) this.stp.portDown(port);
    this.ports = this.ports.filter((p) => p !== port);
    dev.rxHandler = null;
    dev.promiscuity--;
    dev.allmulti--;
    this.fdb.flushPort(port, 0, true);
  }

  #freeNumber(): number {
    const taken = new Set(this.ports.map((p) => p.number));
    for (let n = 1; n <= PORT_NUMBER_MAX; n++) if (!taken.has(n)) return n;
    return 0;
  }

  /** The lowest address of the ports, unless somebody chose one (br_stp_if.c:br_stp_recalculate_bridge_id). */
  #recalculateMac(): void {
    if (this.#macChosen) return;
    const lowest = this.ports.reduce((least, p) => Math.min(least, p.dev.mac), Number.POSITIVE_INFINITY);
    const mac = lowest === Number.POSITIVE_INFINITY ? 0 : lowest;
    if (mac === this.stp.idMac) return;
    this.#adopting = true;
    this.kernel.setMac(this, mac);
    this.#adopting = false;
    this.#followMac();
  }

  #followMac(): void {
    this.fdb.bridgeAddressChanged(this.#localMac, this.mac);
    this.#localMac = this.mac;
    this.stp.setIdMac(this.mac);
  }
}
