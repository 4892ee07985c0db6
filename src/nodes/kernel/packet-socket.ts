import { u16 } from "../../core/bytes.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import type { FrameInfo, PacketSocket } from "../../core/os.ts";
import type { Packet } from "../../core/packet.ts";
import { ETHERTYPE_VLAN, HEADER } from "../../protocols/ethernet/wire.ts";
import { TAG } from "../../protocols/vlan/wire.ts";
import type { NetDevice, Tap } from "./netdev.ts";

/** Sees every frame of the device, sent ones too. */
export const ETH_P_ALL = 0x0003;

const info: FrameInfo = { ifindex: 0, outgoing: false };

/** A packet socket bound to a device (net/packet/af_packet.c). */
export class PacketSock implements PacketSocket, Tap {
  readonly #dev: NetDevice;
  readonly #type: number;
  #handler: ((b: Uint8Array, o: number, end: number, info: FrameInfo) => void) | null = null;
  #closed = false;

  constructor(dev: NetDevice, etherType: number) {
    this.#dev = dev;
    this.#type = etherType;
    dev.addTap(this);
  }

  onReceive(handler: (b: Uint8Array, o: number, end: number, info: FrameInfo) => void): void {
    this.#handler = handler;
  }

  send(frame: Uint8Array): Outcome {
    const dev = this.#dev;
    if (this.#closed) return refused("EBADF");
    if (!dev.up) return refused("ENETDOWN");
    if (frame.length < dev.headerLength) return refused("EINVAL");
    if (frame.length > dev.mtu + dev.headerLength + (isTagged(frame, dev) ? TAG : 0)) return refused("EMSGSIZE");
    const p = dev.kernel.sim.pool.alloc(frame.length);
    p.buf.set(frame, p.start);
    p.cacheSum(Math.min(p.start + 64, p.end));
    dev.send(p);
    return done;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler = null;
    this.#dev.removeTap(this);
  }

  frame(dev: NetDevice, p: Packet, outgoing: boolean): void {
    if (this.#handler === null) return;
    if (this.#type !== ETH_P_ALL && (outgoing || this.#typeOf(p) !== this.#type)) return;
    info.ifindex = dev.ifindex;
    info.outgoing = outgoing;
    this.#handler(p.buf, p.start, p.end, info);
  }

  #typeOf(p: Packet): number {
    if (this.#dev.headerLength === 0) return 0x0800;
    return p.end - p.start < 14 ? 0 : p.view.getUint16(p.start + 12);
  }
}

/** Whether the frame has a VLAN tag, which does not count against the MTU (net/packet/af_packet.c:packet_extra_vlan_len_allowed). */
const isTagged = (frame: Uint8Array, dev: NetDevice): boolean =>
  dev.headerLength === HEADER && u16(frame, 12) === ETHERTYPE_VLAN;
