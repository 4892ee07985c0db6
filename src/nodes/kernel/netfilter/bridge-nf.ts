import { setU48 } from "../../../core/bytes.ts";
import { type DropReason, dropReason } from "../../../core/drop.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import { ETHERTYPE_IPV4, HEADER } from "../../../protocols/ethernet/wire.ts";
import { dstI32, totalLength, validHeader } from "../../../protocols/ipv4/wire.ts";
import { fragment } from "../ipv4/fragment.ts";
import type { NetDevice } from "../netdev.ts";
import { CT_OWNER } from "./conntrack/flow.ts";
import { bridgeHooks } from "./ebtables/hooks.ts";
import type { Netfilter } from "./hooks.ts";
import { FORWARD, type HookState, POST_ROUTING, PRE_ROUTING } from "./state.ts";

const BAD_HEADER = dropReason("ip: header cut short");

/** Shows the IPv4 packets that bridges forward to the IP hooks (net/bridge/br_netfilter_hooks.c). */
export class BridgeNetfilter {
  readonly #nf: Netfilter;
  #on = false;
  /** The packet that went through PREROUTING last, the port by which it came, and its flow, for its copies. */
  #packet: Packet | null = null;
  #port: NetDevice | null = null;
  /** It is being passed up to the IP layer. */
  #rising = false;
  #nfct = 0;
  #nfctInfo = 0;

  constructor(nf: Netfilter) {
    this.#nf = nf;
  }

  /** `net.bridge.bridge-nf-call-iptables`. */
  get callIptables(): boolean {
    return this.#on;
  }
  set callIptables(on: boolean) {
    this.#on = on;
    bridgeHooks(this.#nf.kernel).callIptables(on ? this : null);
  }

  /** br_nf_pre_routing. The frame to go on with, put together from fragments perhaps; null: it is gone. */
  preRouting(p: Packet, port: NetDevice, bridge: NetDevice): Packet | null {
    this.#packet = null;
    if (!isIpv4(p)) return p;
    const net = p.start + HEADER;
    const fault = validHeader(p.buf, net, p.end);
    if (fault !== 0) return this.#refuse(p, BAD_HEADER, port);
    p.start = p.net = net;
    p.trim(totalLength(p.buf, net));
    p.nfct = p.nfctInfo = 0;
    const before = dstI32(p.buf, net);
    const s = this.#nf.enter(PRE_ROUTING, p);
    s.in = bridge;
    s.physIn = port;
    const passed = this.#nf.run(s);
    const kept = s.p;
    this.#nf.leave(s);
    if (!passed) return null;
    const frame = kept;
    const changed = dstI32(frame.buf, frame.net) !== before;
    frame.start -= HEADER;
    if (changed) {
      // Another destination: the bridge takes it, and the IP layer finds the way.
      setU48(frame.buf, frame.start, bridge.mac);
      frame.type = PACKET_HOST;
    }
    this.#packet = frame;
    this.#port = port;
    this.#nfct = frame.nfct;
    this.#nfctInfo = frame.nfctInfo & ~CT_OWNER;
    return frame;
  }

  /** br_nf_forward_ip. False: the packet is gone. */
  forward(p: Packet, from: NetDevice, to: NetDevice, bridge: NetDevice): boolean {
    if (!isIpv4(p)) return true;
    if (p !== this.#packet) {
      p.nfct = this.#nfct; // a copy, for another port, belongs to the same flow
      p.nfctInfo = this.#nfctInfo;
    }
    return this.#ask(FORWARD, p, bridge, from, to);
  }

  /** br_nf_post_routing. What was put together is cut again, all pieces but the first being sent here. False: it is gone. */
  postRouting(p: Packet, from: NetDevice, to: NetDevice, bridge: NetDevice): boolean {
    if (!isIpv4(p)) return true;
    if (!this.#ask(POST_ROUTING, p, bridge, from, to)) return false;
    p.nfct = p.nfctInfo = 0;
    if (p.fragMax === 0) return true;
    const link = p.buf.slice(p.start, p.start + HEADER);
    p.start += HEADER;
    const [first, ...rest] = fragment(this.#nf.kernel.sim.pool, p, Math.min(p.fragMax, to.mtu));
    for (const piece of [first as Packet, ...rest]) {
      piece.push(HEADER);
      piece.buf.set(link, piece.start);
    }
    to.send(first as Packet);
    for (const piece of rest) to.send(piece);
    return false;
  }

  /** A frame goes up to the IP layer, until `stay` is called. */
  rise(p: Packet): void {
    this.#rising = p === this.#packet;
  }
  stay(): void {
    this.#rising = false;
    this.#packet = null;
  }

  /** Whether a packet that a bridge passed up was asked about already (`ip_sabotage_in`). */
  passed(p: Packet): boolean {
    return this.#rising && p === this.#packet;
  }

  /** Tells rules by which port a packet came that a bridge passed up. */
  showPort(s: HookState): void {
    if (this.#rising && s.p === this.#packet) s.physIn = this.#port;
  }

  #ask(hook: number, p: Packet, bridge: NetDevice, from: NetDevice, to: NetDevice): boolean {
    p.start += HEADER;
    p.net = p.start;
    const s = this.#nf.enter(hook, p);
    s.in = hook === FORWARD ? bridge : null;
    s.out = bridge;
    s.physIn = from;
    s.physOut = to;
    const passed = this.#nf.run(s);
    this.#nf.leave(s);
    if (passed) p.start = p.net - HEADER;
    return passed;
  }

  #refuse(p: Packet, reason: DropReason, port: NetDevice): null {
    this.#nf.kernel.drop(p, reason, port.name);
    return null;
  }
}

const isIpv4 = (p: Packet): boolean => p.end - p.start >= HEADER && p.view.getUint16(p.start + 12) === ETHERTYPE_IPV4;
