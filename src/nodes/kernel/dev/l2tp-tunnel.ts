import { formatIp, type Ipv4 } from "../../../core/addr.ts";
import type { Kernel } from "../kernel.ts";
import { OuterRoute } from "./tunnel.ts";

/** An unmanaged tunnel, as `ip l2tp add tunnel` asks for it. */
export interface L2tpTunnelOptions {
  /** 1…4294967295, of each end. */
  readonly id: number;
  readonly peerId: number;
  readonly encap: "udp" | "ip";
  /** 0: the route's choice. */
  readonly local: Ipv4;
  readonly remote: Ipv4;
  /** Over UDP. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Whether datagrams carry a UDP checksum. */
  readonly udpcsum?: boolean;
}

/** Counters of a tunnel or a session. */
export interface L2tpStats {
  txPackets: number;
  txBytes: number;
  txErrors: number;
  rxPackets: number;
  rxBytes: number;
  rxErrors: number;
  /** Came in another order than they were numbered. */
  rxSeqDiscards: number;
  rxCookieDiscards: number;
}
export const newL2tpStats = (): L2tpStats => ({
  txPackets: 0,
  txBytes: 0,
  txErrors: 0,
  rxPackets: 0,
  rxBytes: 0,
  rxErrors: 0,
  rxSeqDiscards: 0,
  rxCookieDiscards: 0,
});

/** A tunnel: two addresses, and sessions between them (`struct l2tp_tunnel`). */
export class L2tpTunnel {
  readonly kernel: Kernel;
  readonly id: number;
  readonly peerId: number;
  readonly over: "udp" | "ip";
  readonly local: Ipv4;
  readonly remote: Ipv4;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly udpcsum: boolean;
  readonly route = new OuterRoute();
  readonly stats = newL2tpStats();

  constructor(kernel: Kernel, o: L2tpTunnelOptions, local: Ipv4) {
    this.kernel = kernel;
    this.id = o.id;
    this.peerId = o.peerId;
    this.over = o.encap;
    this.local = local;
    this.remote = o.remote;
    this.sourcePort = o.sourcePort ?? 0;
    this.destinationPort = o.destinationPort ?? 0;
    this.udpcsum = o.udpcsum ?? false;
  }
  /** What captures call it. */
  get title(): string {
    return `L2TPv3 over ${this.over.toUpperCase()} to ${formatIp(this.remote)}`;
  }
}
