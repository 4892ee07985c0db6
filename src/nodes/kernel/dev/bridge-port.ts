import { dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import { DEFAULT_PORT_PRIORITY } from "../../../protocols/stp/state.ts";
import type { DeviceEvent } from "../kernel.ts";
import type { NetDevice, RxHandler } from "../netdev.ts";
import type { BridgeDevice } from "./bridge.ts";
import { VlanGroup } from "./bridge-vlan.ts";

const BAD_SOURCE = dropReason("bridge: invalid source address");
const LINK_LOCAL = dropReason("bridge: link-local frame");
const NOT_FORWARDING = dropReason("bridge: port is not forwarding");

/** States of a port (`include/uapi/linux/if_bridge.h`: `BR_STATE_…`). */
export const STATE_DISABLED = 0;
export const STATE_LISTENING = 1;
export const STATE_LEARNING = 2;
export const STATE_FORWARDING = 3;
export const STATE_BLOCKING = 4;
/** Their names, as `bridge link` prints them. */
export const STATE_NAMES = ["disabled", "listening", "learning", "forwarding", "blocking"] as const;

/** 01:80:c2:00:00:00 to :0f, in the two parts in which the data path reads addresses. */
const LINK_LOCAL_HIGH = 0x0180;
const LINK_LOCAL_LOW = 0xc2000000 | 0;
const PAUSE = 1;
const PORT_PRIORITY_MAX = 63;
const PATH_COST_MAX = 65_535;
/** No port forwards pause frames (`BR_GROUPFWD_MACPAUSE`). */
const PAUSE_BIT = 1 << PAUSE;

/** What `bridge link set dev PORT …` changes; flags under its names. */
export interface PortSettings {
  readonly cost: number;
  /** 0 to 63. */
  readonly priority: number;
  /** `STATE_…`; only while no spanning tree runs. */
  readonly state: number;
  readonly hairpin: boolean;
  readonly guard: boolean;
  readonly root_block: boolean;
  readonly learning: boolean;
  readonly flood: boolean;
  readonly mcast_flood: boolean;
  readonly bcast_flood: boolean;
  readonly isolated: boolean;
  readonly locked: boolean;
  readonly group_fwd_mask: number;
  /** Whether no bridge is at the other end (RSTP); mstpctl's `setportadminedge`, `setportautoedge`. */
  readonly edge: "yes" | "no" | "auto";
}

/** A port of a bridge (`struct net_bridge_port`): it stands in its device's receive path. */
export class BridgePort implements RxHandler {
  readonly bridge: BridgeDevice;
  readonly dev: NetDevice;
  /** From 1 on. */
  readonly number: number;
  /** 0 to 63. */
  priority = DEFAULT_PORT_PRIORITY;
  pathCost: number;
  /** `STATE_…`. */
  state = STATE_DISABLED;
  /** Frames may go out where they came in. */
  hairpin = false;
  /** A BPDU disables the port. */
  guard = false;
  /** Never the way to the root bridge. */
  rootBlock = false;
  learning = true;
  /** Whether frames to unknown addresses, to groups, and to all are sent out here. */
  flood = true;
  mcastFlood = true;
  bcastFlood = true;
  /** Isolated ports do not talk to one another. */
  isolated = false;
  /** Only frames from addresses that are known to be here come in. */
  locked = false;
  /** Bit n: frames to 01:80:c2:00:00:0n are forwarded. */
  groupFwdMask = 0;
  edge: PortSettings["edge"] = "auto";
  readonly vlans = new VlanGroup();
  /** Somebody set the path cost: the speed does not change it. */
  #costChosen = false;

  constructor(bridge: BridgeDevice, dev: NetDevice, number: number) {
    this.bridge = bridge;
    this.dev = dev;
    this.number = number;
    this.pathCost = pathCost(dev.speedBps);
  }

  get master(): NetDevice {
    return this.bridge;
  }
  /** Whether addresses may be learnt here now. */
  get learns(): boolean {
    return this.state === STATE_LEARNING || this.state === STATE_FORWARDING;
  }
  get stateName(): (typeof STATE_NAMES)[number] {
    return STATE_NAMES[this.state] as (typeof STATE_NAMES)[number];
  }

  /** net/bridge/br_input.c:br_handle_frame. */
  handleFrame(p: Packet): boolean {
    const { view, start } = p;
    const { bridge } = this;
    const srcHigh = view.getUint16(start + 6);
    if ((srcHigh & 0x100) !== 0 || (srcHigh === 0 && view.getInt32(start + 8) === 0)) {
      bridge.kernel.drop(p, BAD_SOURCE, this.dev.name);
      return true;
    }
    const dstHigh = view.getUint16(start);
    const dstLow = view.getInt32(start + 2);
    if (dstHigh === LINK_LOCAL_HIGH && (dstLow & -16) === LINK_LOCAL_LOW) {
      const octet = dstLow & 15;
      if (octet === PAUSE) {
        bridge.kernel.drop(p, LINK_LOCAL, this.dev.name);
        return true;
      }
      if (!bridge.forwardsLinkLocal(this, octet)) return bridge.receiveLinkLocal(this, p, octet);
    }
    if (!this.learns) {
      bridge.kernel.drop(p, NOT_FORWARDING, this.dev.name);
      return true;
    }
    if (dstLow === bridge.macLow && dstHigh === bridge.macHigh) p.type = PACKET_HOST;
    const { bridgeFilter } = bridge.kernel;
    const kept = bridgeFilter === null ? p : bridgeFilter.preRouting(p, this.dev, bridge);
    if (kept !== null) bridge.input(this, kept);
    return true;
  }

  /** net/bridge/br.c:br_device_event. */
  portChanged(event: DeviceEvent): void {
    switch (event) {
      case "up":
      case "down":
      case "carrier":
        return this.checkCarrier();
      case "address":
        return this.bridge.portAddressChanged(this);
      case "mtu":
        return this.bridge.adjustMtu();
      case "registered":
      case "unregistered":
      case "renamed":
        return;
    }
  }
  portRemoved(): void {
    this.bridge.removePort(this.dev);
  }

  /** br_if.c:br_port_carrier_check. */
  checkCarrier(): void {
    const { running } = this.dev;
    if (running && !this.#costChosen) this.pathCost = pathCost(this.dev.speedBps);
    if (!this.bridge.active) return;
    if (running && this.state === STATE_DISABLED) this.bridge.enablePort(this);
    else if (!running && this.state !== STATE_DISABLED) this.bridge.disablePort(this);
  }

  /** Moves the port into another state. */
  setState(state: number): void {
    if (this.state === state) return;
    this.state = state;
    const { bridge } = this;
    const { sim, name } = bridge.kernel;
    if (!sim.trace.on) return;
    sim.trace.emit(sim.now, name, "bridge.port", { bridge: bridge.name, port: this.dev.name, state: this.stateName });
  }

  /** `bridge link set` (br_netlink.c:br_setport). */
  change(s: Partial<PortSettings>): Outcome {
    if (s.root_block && this.bridge.stp.mode === "rstp") {
      return refused("EOPNOTSUPP", "root_block is not built for rstp");
    }
    this.#setFlags(s);
    if (s.cost !== undefined) {
      if (!(s.cost >= 1 && s.cost <= PATH_COST_MAX)) return refused("ERANGE");
      this.#costChosen = true;
      this.pathCost = s.cost;
      this.bridge.stp.portConfigured(this);
    }
    if (s.priority !== undefined) {
      if (!(s.priority >= 0 && s.priority <= PORT_PRIORITY_MAX)) return refused("ERANGE");
      this.priority = s.priority;
      this.bridge.stp.portConfigured(this);
    }
    if (s.state !== undefined) {
      const moved = this.#moveByHand(s.state);
      if (!moved.ok) return moved;
    }
    if (s.group_fwd_mask !== undefined) {
      if ((s.group_fwd_mask & PAUSE_BIT) !== 0 || s.group_fwd_mask > 0xffff) return refused("EINVAL");
      this.groupFwdMask = s.group_fwd_mask;
    }
    return done;
  }

  #setFlags(s: Partial<PortSettings>): void {
    this.hairpin = s.hairpin ?? this.hairpin;
    this.guard = s.guard ?? this.guard;
    this.rootBlock = s.root_block ?? this.rootBlock;
    this.learning = s.learning ?? this.learning;
    this.flood = s.flood ?? this.flood;
    this.mcastFlood = s.mcast_flood ?? this.mcastFlood;
    this.bcastFlood = s.bcast_flood ?? this.bcastFlood;
    this.isolated = s.isolated ?? this.isolated;
    this.locked = s.locked ?? this.locked;
    if (s.edge === undefined || s.edge === this.edge) return;
    this.edge = s.edge;
    this.bridge.stp.portRestarted(this);
  }

  /** br_netlink.c:br_set_port_state; without a spanning tree a blocking port goes on to forwarding at once. */
  #moveByHand(state: number): Outcome {
    if (!(state >= STATE_DISABLED && state <= STATE_BLOCKING)) return refused("EINVAL");
    if (this.bridge.stp.enabled) return refused("EBUSY");
    if (!this.dev.up || (!this.dev.carrier && state !== STATE_DISABLED)) return refused("ENETDOWN");
    this.setState(state === STATE_BLOCKING ? STATE_FORWARDING : state);
    this.bridge.followPorts();
    return done;
  }
}

/** br_if.c:port_cost; rates between those that it knows cost as much as the next lower one. */
function pathCost(speedBps: number): number {
  const mbps = speedBps / 1e6;
  if (mbps > 10_000) return 1;
  if (mbps >= 10_000) return 2;
  if (mbps >= 5_000) return 3;
  if (mbps >= 2_500) return 4;
  if (mbps >= 1_000) return 5;
  return mbps >= 100 ? 19 : 100;
}
