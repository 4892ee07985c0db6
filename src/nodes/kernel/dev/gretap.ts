import type { Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { TYPE_TEB } from "../../../protocols/gre/wire.ts";
import type { Kernel } from "../kernel.ts";
import { ETHERNET_HEADER, randomMac } from "../netdev.ts";
import { classify } from "./classify.ts";
import { addIpTunnel, changeIpTunnel, greOf } from "./gre-protocol.ts";
import { innerOffset, innerType } from "./inner.ts";
import { IpTunnelDevice, type IpTunnelOptions, type IpTunnelParms } from "./ip-tunnel.ts";
import { MALFORMED } from "./tunnel.ts";

/**
 * `ip link add NAME type gretap`: Ethernet frames in GRE. With the key `nvgreKey(vsid, flowId)` (protocols/gre/wire.ts) its
 * packets are those of NVGRE (RFC 7637 §3.2), whose flow id then is one for all flows.
 */
export class GretapDevice extends IpTunnelDevice {
  override readonly kind = "gretap";
  protected override readonly innerHeader = ETHERNET_HEADER;

  constructor(kernel: Kernel, name: string, ifindex: number, parms: IpTunnelParms) {
    super(kernel, name, ifindex, parms);
    this.mac = randomMac(kernel, name);
  }

  override transmit(p: Packet): void {
    const at = innerOffset(p);
    if (at < 0) {
      this.stats.txDropped++;
      return this.kernel.drop(p, MALFORMED, this.name);
    }
    this.encapsulate(p, at, innerType(p, at), TYPE_TEB);
  }

  override destroyed(): void {
    greOf(this.kernel).taps.remove(this);
  }

  /** `ip link set NAME type gretap …`. */
  change(options: IpTunnelOptions): Outcome {
    return changeIpTunnel(this, options, greOf(this.kernel).taps);
  }

  protected override acceptInner(p: Packet, outerTos: number): void {
    const at = p.start + ETHERNET_HEADER;
    if (at > p.end) {
      this.stats.rxErrors++;
      return this.kernel.drop(p, MALFORMED, this.name);
    }
    this.deliver(p, at, innerType(p, at), outerTos, classify(p, this));
  }
}

/** `ip link add NAME type gretap local … remote …`. EEXIST when a tap with the same addresses, key and device exists. */
export const addGretap = (kernel: Kernel, name: string, options: IpTunnelOptions): Outcome<GretapDevice> =>
  addIpTunnel(
    kernel,
    "gretap",
    name,
    options,
    greOf(kernel).taps,
    (final, ifindex, parms) => new GretapDevice(kernel, final, ifindex, parms),
  );
