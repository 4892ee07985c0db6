import type { PacketOwner } from "../../core/packet.ts";
import type { Handler } from "../../core/queue.ts";
import type { Nanos } from "../../core/time.ts";
import type { Kernel } from "./kernel.ts";

/**
 * What a socket has sent and its node still holds (`sk_wmem_alloc`). Packets count from when they are sent until a line
 * takes them, and only on nodes where some device has a queueing discipline: elsewhere none of them waits.
 */
export class SendBuffer implements PacketOwner, Handler {
  readonly #kernel: Kernel;
  /** SO_SNDBUF: from this on nothing more is taken. */
  limit: number;
  used = 0;
  /** Called when less than half is used, after something was refused. */
  onWritable: (() => void) | null = null;
  #refused = false;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.limit = kernel.sysctl.wmem_default;
  }

  get label(): string {
    return this.#kernel.name;
  }

  /** Whether another packet is taken (net/core/sock.c:sock_alloc_send_pskb). */
  get hasRoom(): boolean {
    if (this.used < this.limit) return true;
    this.#refused = true;
    return false;
  }

  /** A packet of so many octets (`truesize`) is sent. */
  charge(octets: number): void {
    this.used += octets;
  }

  left(_until: Nanos, charge: number): void {
    this.used -= charge;
    if (!this.#refused || 2 * this.used >= this.limit) return; // net/core/sock.c:sock_def_write_space
    this.#refused = false;
    if (this.onWritable !== null) this.#kernel.sim.at(this.#kernel.sim.now, this);
  }
  fire(): void {
    this.onWritable?.();
  }
}

/** What a packet takes of a send buffer by the length of its IP packet (`skb->truesize`). */
export function truesize(ipBytes: number): number {
  const head = ((ipBytes + LINK_ROOM + 63) & ~63) + SHARED_INFO;
  if (head <= SMALL_HEAD) return SMALL_HEAD + SK_BUFF;
  let slab = 1024;
  while (slab < head) slab *= 2;
  return slab + SK_BUFF;
}
/** `LL_RESERVED_SPACE` of Ethernet, and 15 more (net/ipv4/ip_output.c:__ip_append_data). */
const LINK_ROOM = 31;
/** `struct skb_shared_info`, `struct sk_buff`, and what small heads share (SKB_SMALL_HEAD_CACHE_SIZE). */
const SHARED_INFO = 320;
const SK_BUFF = 256;
const SMALL_HEAD = 576;

/** What an IP packet takes that leaves in fragments of up to `mtu` octets. */
export function truesizeOf(ipBytes: number, mtu: number): number {
  if (ipBytes <= mtu) return truesize(ipBytes);
  const step = Math.max(mtu - 20, 8) & ~7;
  const whole = Math.ceil((ipBytes - 20) / step) - 1;
  return whole * truesize(20 + step) + truesize(ipBytes - whole * step);
}
