import { type Ipv4, isMulticast } from "../../../core/addr.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { dst as ipDst, src as ipSrc } from "../../../protocols/ipv4/wire.ts";
import { IP_PROTOCOL, isControl, sessionId, version } from "../../../protocols/l2tpv3/wire.ts";
import { dport, sport, HEADER as UDP_HEADER } from "../../../protocols/udp/wire.ts";
import { DST_ERROR } from "../ipv4/dst.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { L2tpEthDevice, type L2tpSessionOptions } from "./l2tp-eth.ts";
import { L2tpTunnel, type L2tpTunnelOptions } from "./l2tp-tunnel.ts";
import { MALFORMED, NO_TUNNEL, perKernel } from "./tunnel.ts";

/** Tunnels of one node, at most; likewise sessions of one tunnel. */
const TUNNELS_MAX = 65_536;
const SESSIONS_MAX = 65_536;
const MTU_GUESS = 1500;

/** The L2TPv3 tunnels of one node (net/l2tp/l2tp_core.c, net/l2tp/l2tp_netlink.c). */
class L2tpNet {
  readonly #kernel: Kernel;
  readonly #tunnels = new Map<number, L2tpTunnel>();
  /** By the tunnel and this end's session id. */
  readonly #sessions = new Map<L2tpTunnel, Map<number, L2tpEthDevice>>();
  /** Those over UDP, by local port. */
  readonly #ports = new Map<number, readonly L2tpTunnel[]>();
  /** Sessions over IP are told by their id alone, whatever their tunnel. */
  readonly #overIp = new Map<number, L2tpEthDevice>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.ipv4.register(IP_PROTOCOL, { receive: (p, dev) => this.#receiveIp(p, dev) });
  }

  /** In the order of their ids. */
  tunnels(): readonly L2tpTunnel[] {
    return [...this.#tunnels.values()].sort((a, b) => a.id - b.id);
  }
  tunnel(id: number): L2tpTunnel | undefined {
    return this.#tunnels.get(id);
  }

  /** Those of one tunnel, in the order of their ids. */
  sessions(tunnel: L2tpTunnel): readonly L2tpEthDevice[] {
    return [...this.#of(tunnel).values()].sort((a, b) => a.session.id - b.session.id);
  }

  /** net/l2tp/l2tp_core.c:l2tp_tunnel_create, l2tp_tunnel_sock_create and l2tp_tunnel_register. */
  addTunnel(o: L2tpTunnelOptions): Outcome<L2tpTunnel> {
    if (this.#tunnels.has(o.id)) return refused("EEXIST");
    if (this.#tunnels.size >= TUNNELS_MAX) return refused("ENOSPC");
    const local = this.#bind(o);
    if (!local.ok) return local;
    const tunnel = new L2tpTunnel(this.#kernel, o, local.value);
    if (tunnel.over === "udp") {
      const opened = this.#open(tunnel);
      if (!opened.ok) return opened;
    }
    this.#tunnels.set(tunnel.id, tunnel);
    this.#sessions.set(tunnel, new Map());
    return granted(tunnel);
  }

  /** Takes a tunnel away with its sessions and their devices. */
  deleteTunnel(id: number): Outcome {
    const tunnel = this.#tunnels.get(id);
    if (tunnel === undefined) return refused("ENODEV");
    for (const dev of this.sessions(tunnel)) dev.kernel.unregister(dev);
    this.#tunnels.delete(id);
    this.#sessions.delete(tunnel);
    if (tunnel.over === "udp") this.#close(tunnel);
    return done;
  }

  /** net/l2tp/l2tp_eth.c:l2tp_eth_create. */
  addSession(tunnelId: number, name: string, o: L2tpSessionOptions): Outcome<L2tpEthDevice> {
    const tunnel = this.#tunnels.get(tunnelId);
    if (tunnel === undefined) return refused("ENODEV");
    const sessions = this.#of(tunnel);
    const taken = tunnel.over === "ip" && this.#overIp.has(o.id);
    if (taken || sessions.has(o.id)) return refused("EEXIST");
    if (sessions.size >= SESSIONS_MAX) return refused("ENOSPC");
    const made = this.#kernel.register(name, (final, ifindex) => {
      return new L2tpEthDevice(tunnel, final, ifindex, o, (gone) => this.#forget(gone));
    });
    if (!made.ok) return made;
    const dev = made.value;
    dev.fitMtu(this.#mtuOf(tunnel));
    sessions.set(o.id, dev);
    if (tunnel.over === "ip") this.#overIp.set(o.id, dev);
    return made;
  }

  deleteSession(tunnelId: number, id: number): Outcome {
    const tunnel = this.#tunnels.get(tunnelId);
    const dev = tunnel === undefined ? undefined : this.#of(tunnel).get(id);
    if (dev === undefined) return refused("ENODEV");
    dev.kernel.unregister(dev);
    return done;
  }

  /** The device of a session is gone. */
  #forget(dev: L2tpEthDevice): void {
    this.#of(dev.tunnel).delete(dev.session.id);
    if (this.#overIp.get(dev.session.id) === dev) this.#overIp.delete(dev.session.id);
  }

  #of(tunnel: L2tpTunnel): Map<number, L2tpEthDevice> {
    return this.#sessions.get(tunnel) ?? NO_SESSIONS;
  }

  /** The local address, checked as bind(2) and connect(2) of the tunnel's socket do. */
  #bind(o: L2tpTunnelOptions): Outcome<Ipv4> {
    const kernel = this.#kernel;
    const home = o.local === 0 || kernel.fib.addressType(o.local) === "local";
    if (!home) return refused("EADDRNOTAVAIL");
    for (const t of this.#tunnels.values()) {
      const sameAddress = t.local === o.local || o.local === 0 || t.local === 0;
      if (o.encap === "udp" && t.over === "udp" && sameAddress && t.sourcePort === o.sourcePort)
        return refused("EADDRINUSE");
    }
    if (isMulticast(o.remote)) return refused("EINVAL");
    const d = kernel.ipv4.routes.output(o.remote, o.local, 0, 0, 0);
    if (d.type === DST_ERROR) return refused(d.errno || "ENETUNREACH");
    return granted(o.local || d.source);
  }

  #open(tunnel: L2tpTunnel): Outcome {
    const port = tunnel.sourcePort;
    const others = this.#ports.get(port);
    if (others === undefined) {
      const opened = this.#kernel.udp.registerTunnel(port, (p, from) => this.#receiveUdp(p, from, port));
      if (!opened.ok) return opened;
    }
    this.#ports.set(port, [...(others ?? []), tunnel]);
    return done;
  }

  #close(tunnel: L2tpTunnel): void {
    const port = tunnel.sourcePort;
    const left = (this.#ports.get(port) ?? []).filter((t) => t !== tunnel);
    if (left.length > 0) this.#ports.set(port, left);
    else {
      this.#ports.delete(port);
      this.#kernel.udp.unregisterTunnel(port);
    }
  }

  /** net/l2tp/l2tp_core.c:l2tp_udp_recv_core. False: no tunnel has this peer. Control messages end here: nobody manages the tunnel. */
  #receiveUdp(p: Packet, from: NetDevice, port: number): boolean {
    const { buf, net, start, end } = p;
    const [local, remote, remotePort] = [ipDst(buf, net), ipSrc(buf, net), sport(buf, start)];
    const tunnel = this.#ports
      .get(port)
      ?.find((t) => t.local === local && t.remote === remote && t.destinationPort === remotePort);
    if (tunnel === undefined || dport(buf, start) !== port) return false;
    const o = start + UDP_HEADER;
    const kernel = this.#kernel;
    if (end - o < HEADER_SEQ || version(buf, o) !== 3) {
      kernel.drop(p, MALFORMED, from.name);
      return true;
    }
    const dev = isControl(buf, o, "udp") ? undefined : this.#of(tunnel).get(sessionId(buf, o, "udp"));
    p.start = o;
    if (dev === undefined) kernel.drop(p, NO_TUNNEL, from.name);
    else dev.accept(p);
    return true;
  }

  /** net/l2tp/l2tp_ip.c:l2tp_ip_recv. */
  #receiveIp(p: Packet, from: NetDevice): void {
    const kernel = this.#kernel;
    if (p.end - p.start < 4) return kernel.drop(p, MALFORMED, from.name);
    const dev = this.#overIp.get(sessionId(p.buf, p.start, "ip"));
    if (dev === undefined) return kernel.drop(p, NO_TUNNEL, from.name);
    dev.accept(p);
  }

  /** What fits into one packet on the way to the other end. */
  #mtuOf(tunnel: L2tpTunnel): number {
    const d = tunnel.route.find(this.#kernel, tunnel.remote, tunnel.local, 0, 0, 0);
    return d.type === DST_ERROR ? MTU_GUESS : d.mtu;
  }
}

const NO_SESSIONS = new Map<number, L2tpEthDevice>();
/** L2TP_HDR_SIZE_SEQ: what is shorter is no data packet over UDP. */
const HEADER_SEQ = 10;

/** The L2TPv3 tunnels of a node. */
export const l2tpOf = perKernel((kernel) => new L2tpNet(kernel));
