import { ANY, type Ipv4 } from "../../core/addr.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import type { RawSocket, SendOptions } from "../../core/os.ts";
import type { Packet } from "../../core/packet.ts";
import { dst, IPPROTO_ICMP, LENGTH_MAX, protocol as protocolOf, src } from "../../protocols/ipv4/wire.ts";
import type { Kernel } from "./kernel.ts";
import { DatagramSocketBase, describe, socketError } from "./socket.ts";

/** Raw sockets of one node, at most. */
const SOCKETS_MAX = 4096;

/** Raw IPv4 sockets (net/ipv4/raw.c): every one hears every packet of its protocol. */
export class RawSockets {
  readonly #kernel: Kernel;
  readonly #sockets = new Map<number, RawSock[]>();
  #count = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  socket(protocol: number): RawSock {
    const s = new RawSock(this.#kernel, this, protocol);
    if (this.#count++ < SOCKETS_MAX) this.#sockets.set(protocol, [...(this.#sockets.get(protocol) ?? []), s]);
    else s.close();
    this.#kernel.ipv4.rawListeners = this.#count;
    return s;
  }

  remove(s: RawSock): void {
    const left = (this.#sockets.get(s.protocol) ?? []).filter((other) => other !== s);
    if (left.length === 0) this.#sockets.delete(s.protocol);
    else this.#sockets.set(s.protocol, left);
    this.#kernel.ipv4.rawListeners = --this.#count;
  }

  /** Shows a packet (`p.start` behind its IP header) to the sockets of its protocol. True when one heard it. */
  deliver(p: Packet, protocol: number): boolean {
    const sockets = this.#sockets.get(protocol);
    if (sockets === undefined) return false;
    let heard = false;
    for (const s of sockets) heard = s.deliver(p) || heard;
    return heard;
  }

  /** Tells the sockets of the quoted packet's protocol of an ICMP error; see `Transport.error`. */
  error(p: Packet, outer: number, type: number, code: number, info: number): void {
    for (const s of this.#sockets.get(protocolOf(p.buf, p.net)) ?? []) s.fail(p, outer, type, code, info);
  }
}

export class RawSock extends DatagramSocketBase implements RawSocket {
  readonly protocol: number;
  readonly #raw: RawSockets;

  constructor(kernel: Kernel, raw: RawSockets, protocol: number) {
    super(kernel);
    this.#raw = raw;
    this.protocol = protocol;
  }

  bind(address: Ipv4): Outcome {
    if (this.closed) return refused("EBADF");
    const source = this.mayHave(address);
    if (!source.ok) return source;
    this.localAddress = address;
    this.sendsFrom = source.value;
    return done;
  }

  /** net/ipv4/raw.c:raw_sendmsg. */
  sendTo(payload: Uint8Array, to: Ipv4, extra?: SendOptions): Outcome {
    if (this.closed) return refused("EBADF");
    const options = extra?.options ?? this.options.options;
    const bytes = 20 + (options?.length ?? 0) + payload.length;
    if (bytes > LENGTH_MAX) return refused("EMSGSIZE");
    const route = this.route(to, extra);
    if (!route.ok) return route;
    const d = route.value;
    const flags = this.flags(d, bytes, extra);
    if (!flags.ok) {
      this.tooLong(d, to, 0, 0);
      return flags;
    }
    if (!this.hasRoom) return refused("EAGAIN");
    const { kernel } = this;
    const p = kernel.sim.pool.alloc(payload.length);
    p.buf.set(payload, p.start);
    p.cacheSum(Math.min(p.start + 8, p.end));
    if (this.protocol === IPPROTO_ICMP && payload.length > 0) kernel.icmp.countSent(payload[0] as number);
    this.emit(p, d, this.protocol, to === ANY ? d.nextHop : to, flags.value, extra);
    return done;
  }

  close(): void {
    if (this.closed) return;
    this.end();
    this.#raw.remove(this);
  }

  /** True when the packet is for this socket. */
  deliver(p: Packet): boolean {
    const to = dst(p.buf, p.net);
    if (this.localAddress !== ANY && this.localAddress !== to) return false;
    const bound = this.options.ifname;
    if (bound !== undefined && this.kernel.deviceByIndex(p.iif)?.name !== bound) return false;
    if (this.handler !== null) this.handler(p.buf, p.start, p.end, describe(p));
    return true;
  }

  /** net/ipv4/raw.c:raw_icmp_error. */
  fail(p: Packet, outer: number, type: number, code: number, info: number): void {
    if (this.localAddress !== ANY && this.localAddress !== src(p.buf, p.net)) return;
    this.errorHandler?.(socketError(p, outer, type, code, info, 0, 0));
  }
}
