import { BROADCAST_MAC, type Mac, parseMac } from "../../core/addr.ts";
import { dropReason } from "../../core/drop.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import type { Packet } from "../../core/packet.ts";
import type { Nanos } from "../../core/time.ts";
import { ETHERTYPE_QINQ, ETHERTYPE_VLAN } from "../../protocols/ethernet/wire.ts";
import type { InDevice } from "./in-device.ts";
import type { DeviceEvent, Kernel } from "./kernel.ts";
import type { Ingress } from "./tc/ingress.ts";
import type { TxQueue } from "./tc/tx-queue.ts";

/** Sees the frames of a device: a packet socket or a capture. The frame is looked at, never kept. */
export interface Tap {
  frame(dev: NetDevice, p: Packet, outgoing: boolean): void;
}

/** Takes over what a device receives, as a bridge does with its ports (`netdev_rx_handler_register`). */
export interface RxHandler {
  /** The device that the port belongs to: what `ip link` prints as `master`. */
  readonly master: NetDevice;
  /** Takes the frame, and ownership of it; false gives it back for the device's own protocols. */
  handleFrame(p: Packet): boolean;
  /** The port's device changed: carrier, up or down, address, MTU. */
  portChanged(event: DeviceEvent): void;
  /** The port's device is being removed: it is to be let go. */
  portRemoved(): void;
}

/** Takes the VLAN-tagged frames of a device for the VLAN devices on it. */
export interface VlanDemux {
  /** Takes the frame, and ownership of it, when a VLAN device for its tag exists. */
  handleTagged(p: Packet): boolean;
  devices(): readonly NetDevice[];
  /** The device under the VLAN devices changed. */
  lowerChanged(event: DeviceEvent): void;
  /** The device under the VLAN devices is being removed, and they with it. */
  lowerRemoved(): void;
}

/** Counters as `ip -s link` prints them. */
export interface DeviceStats {
  rxPackets: number;
  rxBytes: number;
  rxErrors: number;
  rxDropped: number;
  rxMulticast: number;
  txPackets: number;
  txBytes: number;
  txErrors: number;
  txDropped: number;
  txCarrierErrors: number;
  collisions: number;
}

const DOWN = dropReason("device is down");
const NO_MACS: readonly Mac[] = [];

export const ETHERNET_HEADER = 14;
export const ETHERNET_MTU_MIN = 68;
export const ETHERNET_MTU_MAX = 65_535;

/** A network device: `ndo_start_xmit` is `transmit`, `netif_receive_skb` is `Kernel.receive`. */
export abstract class NetDevice {
  // What every packet asks for stands first, so that it shares cache lines.
  /** The namespace that it is in, and its number there. Both change when it moves to another one (`moveDevice`). */
  kernel: Kernel;
  ifindex: number;
  /** IFF_UP: the administrator's wish. */
  up = false;
  /** Whether the other end is there. */
  carrier = true;
  mtu = 1500;
  /** Octets of its link header: 14, or 0 for a device that carries bare IP packets. */
  headerLength = ETHERNET_HEADER;
  /** The MAC as the data path compares it: first two octets, last four (signed). */
  macHigh = 0;
  macLow = 0;
  #taps: readonly Tap[] | null = null;
  rxHandler: RxHandler | null = null;
  vlans: VlanDemux | null = null;
  /** The queueing discipline between the stack and the driver; null: the driver takes what comes. */
  qdisc: TxQueue | null = null;
  /** What arriving frames pass before the protocols see them: `ingress` or `clsact`. */
  ingress: Ingress | null = null;
  readonly stats: DeviceStats = {
    rxPackets: 0,
    rxBytes: 0,
    txPackets: 0,
    txBytes: 0,
    rxErrors: 0,
    rxDropped: 0,
    rxMulticast: 0,
    txErrors: 0,
    txDropped: 0,
    txCarrierErrors: 0,
    collisions: 0,
  };
  /** IPv4 state: configuration, addresses, neighbours. */
  inet: InDevice;

  /** What `ip -d link` names as the type; empty for a physical card. */
  abstract readonly kind: string;
  name: string;
  /** How many want to see all frames, or all multicast ones; the administrator is one of them where the flag is set. */
  promiscuity = 0;
  allmulti = 0;
  /** IFF_PROMISC and IFF_ALLMULTI as `ip link set` sets and shows them. */
  wantsPromisc = false;
  wantsAllmulti = false;
  /** IFF_NOARP: neighbours are not asked for. */
  noArp = false;
  multicast = true;
  /** IFF_POINTOPOINT. */
  pointToPoint = false;
  txQueueLength = 1000;
  /** Where frames for everybody go. */
  broadcast: Mac = BROADCAST_MAC;
  alias = "";
  group = 0;
  /** It was up since it came into its namespace: from then on a queueing discipline is attached (`dev_activate`). */
  activated = false;
  /** How often the carrier came or went. */
  carrierChanges = 0;
  /** MACs that it was told to receive besides its own (`dev_uc_add`, `dev_mc_add`): `bridge fdb add MAC dev NAME self`. */
  extraMacs: readonly Mac[] = NO_MACS;
  #mac: Mac = 0;

  constructor(kernel: Kernel, name: string, ifindex: number) {
    this.kernel = kernel;
    this.name = name;
    this.ifindex = ifindex;
    this.inet = kernel.newInDevice(this);
  }

  get label(): string {
    return `${this.kernel.name}-${this.name}`;
  }
  get mac(): Mac {
    return this.#mac;
  }
  set mac(mac: Mac) {
    this.#mac = mac;
    this.macHigh = Math.floor(mac / 0x1_0000_0000);
    this.macLow = mac | 0;
  }
  /** Up and connected: IFF_RUNNING. */
  get running(): boolean {
    return this.up && this.carrier;
  }
  /** The bridge it is a port of. */
  get master(): NetDevice | undefined {
    return this.rxHandler?.master;
  }
  /** The ifindex of the lower device, which `ip link` prints after `@`; 0 when none. */
  get lowerIfindex(): number {
    return 0;
  }
  /** The devices that it stands on: of a bridge its ports, of a VLAN or a tunnel the device below. */
  lowers(): readonly NetDevice[] {
    const lower = this.kernel.deviceByIndex(this.lowerIfindex);
    return lower === undefined ? [] : [lower];
  }
  get speedBps(): number {
    return 0;
  }
  /** When the driver takes the next frame; an instant gone by: at once. */
  get txFreeAt(): Nanos {
    return 0;
  }

  /** Hands a complete frame to the driver. Takes ownership. */
  abstract transmit(p: Packet): void;

  /** Called by the kernel when the device is removed, after it went down. */
  destroyed(): void {}
  /** Whether it may move to another namespace. */
  mayMove(): Outcome {
    return refused("EINVAL", "The interface netns is immutable");
  }
  /** Called by the kernel when the device comes from another namespace, before it is known there. IPv4 begins anew. */
  moved(kernel: Kernel, ifindex: number): void {
    this.kernel = kernel;
    this.ifindex = ifindex;
    this.inet = kernel.newInDevice(this);
    this.qdisc = null;
    this.ingress = null;
    this.activated = false;
    this.extraMacs = NO_MACS;
  }
  /** Called by the kernel before the device goes up: a refusal leaves it down (`ndo_open`). */
  mayOpen(): Outcome {
    return done;
  }
  /** Called by the kernel before the MTU changes to one in `mtuRange` (`ndo_change_mtu`). */
  mayChangeMtu(_mtu: number): Outcome {
    return done;
  }
  /** Called by the kernel after somebody chose a MAC, be it the one it had (`ndo_set_mac_address`, NET_ADDR_SET). */
  macChosen(): void {}
  /** Called by the kernel after `up` changed. */
  adminChanged(): void {}
  /** Called by the kernel when the node's power comes or goes. */
  powerChanged(_on: boolean): void {}
  /** The largest and smallest MTU that it accepts. */
  get mtuRange(): readonly [number, number] {
    return [ETHERNET_MTU_MIN, ETHERNET_MTU_MAX];
  }

  /** `dev_queue_xmit`: queueing discipline, taps, driver. The frame has its link header. Takes ownership. */
  send(p: Packet): void {
    if (!this.up) {
      this.stats.txDropped++;
      return this.kernel.drop(p, DOWN, this.name);
    }
    if (this.qdisc !== null) this.qdisc.enqueue(p);
    else this.startXmit(p);
  }
  /** `dev_hard_start_xmit`: taps, driver. Takes ownership. */
  startXmit(p: Packet): void {
    if (this.#taps !== null) this.tap(p, true);
    this.transmit(p);
  }

  get tapped(): boolean {
    return this.#taps !== null;
  }
  addTap(tap: Tap): void {
    this.#taps = [...(this.#taps ?? []), tap];
  }
  removeTap(tap: Tap): void {
    const left = (this.#taps ?? []).filter((t) => t !== tap);
    this.#taps = left.length === 0 ? null : left;
  }
  /** Shows a frame to the taps. */
  tap(p: Packet, outgoing: boolean): void {
    for (const tap of this.#taps ?? []) tap.frame(this, p, outgoing);
  }
}

/** Octets of a VLAN tag: a frame may be this much longer than the MTU and the header. */
const TAG_ROOM = 4;

/**
 * Whether the device takes the frame (net/core/dev.c:is_skb_forwardable): up to MTU, header and the room of one tag. The
 * outermost tag is not counted, because Linux carries it beside the bytes.
 */
export function fits(p: Packet, dev: NetDevice): boolean {
  const over = p.end - p.start - dev.mtu - ETHERNET_HEADER;
  if (over <= TAG_ROOM) return true;
  if (over > 2 * TAG_ROOM) return false;
  const type = p.view.getUint16(p.start + 12);
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ;
}

/** A random, locally administered unicast MAC, as `eth_hw_addr_random` makes them; the seed and the name decide. */
export function randomMac(kernel: Kernel, ifname: string): Mac {
  const draw = kernel.sim.rngOnce(`mac ${kernel.name}-${ifname}`);
  return ((draw.int(256) & 0xfc) | 2) * 0x100_0000_0000 + draw.int(256) * 0x1_0000_0000 + draw.u32();
}

/** A MAC that a card may have: six octets, not a group address, not all zeros (`is_valid_ether_addr`). */
export function parseDeviceMac(text: string): Mac | undefined {
  const mac = parseMac(text);
  return mac === undefined || mac === 0 || (Math.floor(mac / 0x100_0000_0000) & 1) === 1 ? undefined : mac;
}
