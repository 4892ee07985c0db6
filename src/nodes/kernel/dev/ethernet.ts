import { type DropReason, dropReason } from "../../../core/drop.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { PACKET_MULTICAST, type Packet } from "../../../core/packet.ts";
import type { Nanos } from "../../../core/time.ts";
import type { Cable, Line, Port } from "../../link.ts";
import type { Kernel } from "../kernel.ts";
import { fits, NetDevice, randomMac } from "../netdev.ts";
import { classify } from "./classify.ts";

const DOWN = dropReason("device is down");
const NO_CARRIER = dropReason("carrier is down");
const TOO_LONG = dropReason("frame longer than the device's MTU");

/** What the comment of a frame begins with that is wrong on purpose: it is told wherever the frame is seen. */
const FORGED = "forged";

/** A network card, or one half of a veth pair: an Ethernet device at the end of a cable. */
export class EthernetDevice extends NetDevice implements Port {
  override readonly kind: "" | "veth";
  #cable: Cable | null = null;
  #line: Line | null = null;

  constructor(kernel: Kernel, name: string, ifindex: number, kind: "" | "veth" = "veth") {
    super(kernel, name, ifindex);
    this.kind = kind;
    this.mac = randomMac(kernel, name);
    this.carrier = false;
    this.carrierChanges = 1;
  }

  get cable(): Cable | null {
    return this.#cable;
  }

  /** Plugs a cable in; null pulls it out. */
  plug(cable: Cable | null): void {
    this.#cable = cable;
    this.#line = cable?.lineFrom(this) ?? null;
    this.#followCarrier();
  }

  override get speedBps(): number {
    return this.#cable?.speedBps ?? 0;
  }

  override get txFreeAt(): Nanos {
    return this.#line?.freeAt ?? 0;
  }

  /** The device at the other end, where that is a device: a veth's peer. */
  get peer(): EthernetDevice | undefined {
    const port = this.#cable?.peerOf(this);
    return port instanceof EthernetDevice ? port : undefined;
  }

  override transmit(p: Packet): void {
    const line = this.#line;
    if (line === null || !this.carrier) return this.frameLost(p, NO_CARRIER);
    const stats = this.stats;
    stats.txPackets++;
    stats.txBytes += p.end - p.start;
    if (p.owner !== null) return this.#transmitOwned(p, line);
    line.transmit(p);
  }

  frameLost(p: Packet, reason: DropReason): void {
    this.stats.txDropped++;
    if (reason === NO_CARRIER) this.stats.txCarrierErrors++;
    this.kernel.drop(p, reason, this.name);
  }

  receiveFrame(p: Packet): void {
    const stats = this.stats;
    const length = p.end - p.start;
    const kernel = this.kernel;
    if (p.note !== "" && !p.note.startsWith(FORGED)) p.note = "";
    p.record = 0;
    p.mark = 0;
    p.priority = 0;
    p.depth = 0;
    if (!this.up || !kernel.powered) {
      if (kernel.refuseWhileOff(p)) return;
      return kernel.drop(p, DOWN, this.name);
    }
    if (!fits(p, this)) {
      stats.rxErrors++;
      return kernel.drop(p, TOO_LONG, this.name);
    }
    stats.rxPackets++;
    stats.rxBytes += length;
    p.type = classify(p, this);
    if (p.type === PACKET_MULTICAST) stats.rxMulticast++;
    if (kernel.cpu !== null) kernel.cpu.enqueue(p, this);
    else kernel.receive(p, this);
  }

  carrierChanged(): void {
    this.#followCarrier();
  }
  override adminChanged(): void {
    // A veth, and a card without power on its far side, is only connected while both ends are up.
    this.peer?.peerChanged();
    this.#followCarrier();
  }
  peerChanged(): void {
    this.#followCarrier();
  }
  override powerChanged(): void {
    this.peer?.peerChanged();
    this.#followCarrier();
  }
  override mayMove(): Outcome {
    return this.vlans === null ? done : refused("EOPNOTSUPP", "moving a device under VLAN devices is not built");
  }
  override destroyed(): void {
    const cable = this.#cable;
    if (cable === null) return;
    cable.setUp(false);
    const peer = this.peer;
    this.plug(null);
    if (peer !== undefined && this.kind === "veth") peer.kernel.unregister(peer);
  }

  #transmitOwned(p: Packet, line: Line): void {
    const { owner, charge } = p;
    p.owner = null;
    line.transmit(p);
    owner?.left(line.freeAt, charge);
  }

  #followCarrier(): void {
    const peer = this.peer;
    const alive = peer === undefined || (this.up && peer.up && peer.kernel.powered);
    this.kernel.setCarrier(this, (this.#cable?.up ?? false) && alive && this.kernel.powered);
  }
}
