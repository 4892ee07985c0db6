import type { Mac } from "../../../core/addr.ts";
import { dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, type Packet } from "../../../core/packet.ts";
import { ETHERTYPE_QINQ, ETHERTYPE_VLAN } from "../../../protocols/ethernet/wire.ts";
import { insertTag, makeTci, removeTag, TAG } from "../../../protocols/vlan/wire.ts";
import type { DeviceEvent, Kernel } from "../kernel.ts";
import { ETHERNET_HEADER, ETHERNET_MTU_MAX, NetDevice, type VlanDemux } from "../netdev.ts";
import { mayStandOn } from "./nesting.ts";

const DOWN = dropReason("device is down");
/** 4095 is reserved. */
const VID_MAX = 4094;

/** `ip link add link LOWER NAME type vlan id VID …`. */
export interface VlanOptions {
  /** 0 to 4094; 0 tags with a priority only. */
  readonly id: number;
  readonly protocol?: "802.1Q" | "802.1ad";
  /** The lower device's unless given. */
  readonly mac?: Mac;
  /** The lower device's unless given, and never more. */
  readonly mtu?: number;
  readonly reorder_hdr?: boolean;
  readonly loose_binding?: boolean;
}

/** Adds a VLAN device on `lower` (net/8021q/vlan_netlink.c:vlan_newlink). */
export function addVlanDevice(
  kernel: Kernel,
  name: string,
  lower: NetDevice,
  options: VlanOptions,
): Outcome<VlanDevice> {
  const { id, mtu } = options;
  if (!(id >= 0 && id <= VID_MAX)) return refused("ERANGE", "8021q: Invalid VLAN id");
  if (lower.headerLength !== ETHERNET_HEADER || lower === kernel.loopback) {
    return refused("EOPNOTSUPP", "8021q: VLANs not supported on device");
  }
  const etherType = options.protocol === "802.1ad" ? ETHERTYPE_QINQ : ETHERTYPE_VLAN;
  if (lower.vlans instanceof VlansOfDevice && lower.vlans.find(etherType, id) !== undefined) {
    return refused("EEXIST", "8021q: VLAN device already exists");
  }
  if (mtu !== undefined && mtu > lower.mtu) return refused("EINVAL");
  const stacked = mayStandOn(lower, undefined);
  if (!stacked.ok) return stacked;
  const added = kernel.register(name, (final, ifindex) => new VlanDevice(kernel, final, ifindex, lower, options));
  if (added.ok) {
    if (lower.vlans instanceof VlansOfDevice) lower.vlans.add(added.value);
    else lower.vlans = new VlansOfDevice(added.value);
  }
  return added;
}

/** A VLAN of another device: what it sends leaves tagged through that, what comes in there with its tag is its own (net/8021q/). */
export class VlanDevice extends NetDevice {
  override readonly kind = "vlan";
  readonly lower: NetDevice;
  readonly vid: number;
  /** EtherType of its tags. */
  readonly etherType: number;
  /** False shows the tag to packet sockets on this device (VLAN_FLAG_REORDER_HDR). */
  reorderHdr: boolean;
  /** True leaves up and down to the administrator (VLAN_FLAG_LOOSE_BINDING). */
  looseBinding: boolean;
  /** Priority of packets that came in with a priority code point, 0 to 7: `ingress-qos-map`. */
  readonly ingressQos = new Float64Array(8);
  /** Priority code point of packets that go out with a priority; 0 where none is set: `egress-qos-map`. */
  readonly egressQos = new Map<number, number>();
  /** Tag control information of the frame that comes in now. */
  #tci = 0;
  /** The MAC follows the lower device's. */
  #inheritsMac = true;
  #adopting = false;

  constructor(kernel: Kernel, name: string, ifindex: number, lower: NetDevice, options: VlanOptions) {
    super(kernel, name, ifindex);
    this.lower = lower;
    this.vid = options.id;
    this.etherType = options.protocol === "802.1ad" ? ETHERTYPE_QINQ : ETHERTYPE_VLAN;
    this.reorderHdr = options.reorder_hdr ?? true;
    this.looseBinding = options.loose_binding ?? false;
    this.mac = options.mac ?? lower.mac;
    this.#inheritsMac = options.mac === undefined;
    this.mtu = options.mtu ?? lower.mtu;
    this.carrier = lower.carrier;
  }

  override get lowerIfindex(): number {
    return this.lower.ifindex;
  }
  override lowers(): readonly NetDevice[] {
    return [this.lower];
  }
  override get speedBps(): number {
    return this.lower.speedBps;
  }
  override get mtuRange(): readonly [number, number] {
    return [0, ETHERNET_MTU_MAX];
  }
  /** net/8021q/vlan_dev.c:vlan_dev_hard_start_xmit. */
  override transmit(p: Packet): void {
    this.stats.txPackets++;
    this.stats.txBytes += p.end - p.start;
    this.#tag(p, this.#egressTci(p));
    this.lower.send(p);
  }

  /** A frame with this device's tag (net/8021q/vlan_core.c:vlan_do_receive). */
  receiveTagged(p: Packet, tci: number): void {
    if (!this.up) return this.kernel.drop(p, DOWN, this.name);
    if (
      p.type === PACKET_OTHERHOST &&
      p.view.getInt32(p.start + 2) === this.macLow &&
      p.view.getUint16(p.start) === this.macHigh
    ) {
      p.type = PACKET_HOST;
    }
    p.priority = this.ingressQos[tci >> 13] as number;
    this.#untag(p);
    const { stats } = this;
    stats.rxPackets++;
    stats.rxBytes += p.end - p.start - ETHERNET_HEADER;
    if (p.type === PACKET_MULTICAST) stats.rxMulticast++;
    this.#tci = tci;
    this.kernel.receive(p, this);
  }

  /** Without `reorder_hdr` those who listen see the tag. */
  override tap(p: Packet, outgoing: boolean): void {
    if (this.reorderHdr || this.rxHandler !== null) return super.tap(p, outgoing);
    this.#tag(p, outgoing ? this.#egressTci(p) : this.#tci);
    super.tap(p, outgoing);
    this.#untag(p);
  }

  /** `ingress-qos-map PCP:PRIORITY`. */
  setIngressQos(pcp: number, priority: number): Outcome {
    if (!(pcp >= 0 && pcp <= 7 && priority >= 0 && priority <= 0xffffffff)) return refused("EINVAL");
    this.ingressQos[pcp] = priority;
    return done;
  }
  /** `egress-qos-map PRIORITY:PCP`. */
  setEgressQos(priority: number, pcp: number): Outcome {
    if (!(pcp >= 0 && pcp <= 7 && priority >= 0 && priority <= 0xffffffff)) return refused("EINVAL");
    if (!this.egressQos.has(priority) && this.egressQos.size >= EGRESS_MAX) return refused("ENOBUFS");
    this.egressQos.set(priority, pcp);
    return done;
  }

  override mayOpen(): Outcome {
    return this.lower.up || this.looseBinding ? done : refused("ENETDOWN");
  }
  override mayChangeMtu(mtu: number): Outcome {
    return mtu > this.lower.mtu ? refused("ERANGE") : done;
  }
  override macChosen(): void {
    if (!this.#adopting) this.#inheritsMac = false;
  }
  override adminChanged(): void {
    if (this.up) this.inheritMac();
  }
  override destroyed(): void {
    const { lower } = this;
    if (!(lower.vlans instanceof VlansOfDevice)) return;
    lower.vlans.remove(this);
    if (lower.vlans.size === 0) lower.vlans = null;
  }

  /** Takes the lower device's MAC, unless somebody chose one (vlan_dev.c:vlan_dev_inherit_address). */
  inheritMac(): void {
    if (!this.#inheritsMac || this.mac === this.lower.mac) return;
    this.#adopting = true;
    this.kernel.setMac(this, this.lower.mac);
    this.#adopting = false;
  }

  /** net/8021q/vlan.c:vlan_device_event. */
  followLower(event: DeviceEvent): void {
    const { kernel, lower } = this;
    if (event === "mtu") {
      if (this.mtu > lower.mtu) kernel.setMtu(this, lower.mtu);
    } else if (event === "address") {
      if (this.up) this.inheritMac();
    } else {
      if (event === "up" && !this.looseBinding) kernel.setUp(this, true);
      if (event === "down" && !this.looseBinding) kernel.setUp(this, false);
      kernel.setCarrier(this, lower.carrier);
    }
  }

  #egressTci(p: Packet): number {
    const pcp = this.egressQos.size === 0 ? 0 : (this.egressQos.get(p.priority) ?? 0);
    return makeTci(pcp, 0, this.vid);
  }
  #tag(p: Packet, tci: number): void {
    p.push(TAG);
    insertTag(p.buf, p.start + TAG, this.etherType, tci);
  }
  #untag(p: Packet): void {
    removeTag(p.buf, p.start);
    p.pull(TAG);
  }
}

/** Entries of an `egress-qos-map`; Linux has no such limit. */
const EGRESS_MAX = 256;

/** The VLAN devices on one device, by protocol and VLAN (`struct vlan_group`). */
class VlansOfDevice implements VlanDemux {
  readonly #devices = new Map<number, VlanDevice>();

  constructor(first: VlanDevice) {
    this.add(first);
  }

  get size(): number {
    return this.#devices.size;
  }
  add(dev: VlanDevice): void {
    this.#devices.set(key(dev.etherType, dev.vid), dev);
  }
  remove(dev: VlanDevice): void {
    this.#devices.delete(key(dev.etherType, dev.vid));
  }
  find(etherType: number, vid: number): VlanDevice | undefined {
    return this.#devices.get(key(etherType, vid));
  }

  devices(): readonly VlanDevice[] {
    return [...this.#devices.values()];
  }

  handleTagged(p: Packet): boolean {
    const at = p.start + ETHERNET_HEADER;
    if (p.end - at < TAG) return false;
    const tci = p.view.getUint16(at);
    const dev = this.#devices.get(key(p.view.getUint16(at - 2), tci & 0xfff));
    if (dev === undefined) return false;
    dev.receiveTagged(p, tci);
    return true;
  }
  lowerChanged(event: DeviceEvent): void {
    for (const dev of this.devices()) dev.followLower(event);
  }
  lowerRemoved(): void {
    for (const dev of this.devices()) dev.kernel.unregister(dev);
  }
}

/** Both protocols in one small number. */
const key = (etherType: number, vid: number): number => (etherType === ETHERTYPE_QINQ ? 0x1000 : 0) | vid;
