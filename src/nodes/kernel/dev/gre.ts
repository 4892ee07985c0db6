import type { Outcome } from "../../../core/errno.ts";
import { PACKET_HOST, type Packet } from "../../../core/packet.ts";
import { TYPE_IPV4 } from "../../../protocols/gre/wire.ts";
import type { Kernel } from "../kernel.ts";
import { addIpTunnel, changeIpTunnel, greOf } from "./gre-protocol.ts";
import { bareType } from "./inner.ts";
import { IpTunnelDevice, type IpTunnelOptions, type IpTunnelParms } from "./ip-tunnel.ts";
import { MALFORMED } from "./tunnel.ts";

/** `ip link add NAME type gre`: bare IPv4 packets in GRE, from point to point. */
export class GreDevice extends IpTunnelDevice {
  override readonly kind = "gre";
  protected override readonly innerHeader = 0;

  constructor(kernel: Kernel, name: string, ifindex: number, parms: IpTunnelParms) {
    super(kernel, name, ifindex, parms);
    this.headerLength = 0;
    this.noArp = true;
    this.multicast = false;
    this.pointToPoint = true;
  }

  override transmit(p: Packet): void {
    const type = bareType(p);
    if (type !== TYPE_IPV4) {
      this.stats.txDropped++;
      return this.kernel.drop(p, MALFORMED, this.name);
    }
    this.encapsulate(p, p.start, type, type);
  }

  override destroyed(): void {
    greOf(this.kernel).bare.remove(this);
  }

  /** `ip link set NAME type gre …`. */
  change(options: IpTunnelOptions): Outcome {
    return changeIpTunnel(this, options, greOf(this.kernel).bare);
  }

  protected override acceptInner(p: Packet, outerTos: number): void {
    this.deliver(p, p.start, TYPE_IPV4, outerTos, PACKET_HOST);
  }
}

/** `ip link add NAME type gre local … remote …`. EEXIST when a tunnel with the same addresses, key and device exists. */
export const addGre = (kernel: Kernel, name: string, options: IpTunnelOptions): Outcome<GreDevice> =>
  addIpTunnel(
    kernel,
    "gre",
    name,
    options,
    greOf(kernel).bare,
    (final, ifindex, parms) => new GreDevice(kernel, final, ifindex, parms),
  );
