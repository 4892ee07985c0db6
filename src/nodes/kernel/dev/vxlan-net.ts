import { type Ipv4, isMulticast } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { dst as ipDst, src as ipSrc } from "../../../protocols/ipv4/wire.ts";
import { HEADER as UDP_HEADER } from "../../../protocols/udp/wire.ts";
import { FLAG_VNI, flags, HEADER, hasUnknownBits, vni as vniOf } from "../../../protocols/vxlan/wire.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";
import { LOOP, MALFORMED, NO_TUNNEL, perKernel } from "./tunnel.ts";

/** What a port needs to know of a VXLAN device. */
export interface VxlanPeer extends NetDevice {
  readonly vni: number;
  readonly dstport: number;
  readonly gbp: boolean;
  /** A frame for it: `p.net` is at the outer IP header, `p.start` at the VXLAN header. Takes ownership. */
  accept(p: Packet): void;
  /** Whether it was bound to `dev`. */
  isOn(dev: NetDevice): boolean;
}

/** The UDP port on which devices of one flavour listen (`struct vxlan_sock`). */
class VxlanPort {
  readonly gbp: boolean;
  readonly #kernel: Kernel;
  readonly #devices = new Map<number, VxlanPeer>();

  constructor(kernel: Kernel, gbp: boolean) {
    this.#kernel = kernel;
    this.gbp = gbp;
  }

  get idle(): boolean {
    return this.#devices.size === 0;
  }
  add(dev: VxlanPeer): void {
    this.#devices.set(dev.vni, dev);
  }
  remove(dev: VxlanPeer): void {
    this.#devices.delete(dev.vni);
  }
  find(vni: number): VxlanPeer | undefined {
    return this.#devices.get(vni);
  }

  /** drivers/net/vxlan/vxlan_core.c:vxlan_rcv, up to the device. `p.start` is at the UDP header. Takes ownership. */
  receive(p: Packet, dev: NetDevice): void {
    const kernel = this.#kernel;
    const { buf } = p;
    const o = p.start + UDP_HEADER;
    // Tunnels do not hear what they sent to a group themselves (net/ipv4/udp_tunnel_core.c: no multicast loop).
    if (isMulticast(ipDst(buf, p.net)) && kernel.addresses.isLocal(ipSrc(buf, p.net)))
      return kernel.drop(p, LOOP, dev.name);
    if (p.end - o < HEADER || (flags(buf, o) & FLAG_VNI) === 0) return kernel.drop(p, MALFORMED, dev.name); // RFC 7348 §5
    const target = this.#devices.get(vniOf(buf, o));
    if (target === undefined) return kernel.drop(p, NO_TUNNEL, dev.name);
    if (hasUnknownBits(buf, o, this.gbp)) return kernel.drop(p, MALFORMED, target.name);
    p.start = o;
    target.accept(p);
  }
}

/** The VXLAN devices of a node, and the ports of those that are up (`struct vxlan_net`). */
export class VxlanNet {
  readonly #kernel: Kernel;
  readonly #devices = new Set<VxlanPeer>();
  readonly #ports = new Map<number, VxlanPort>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    kernel.watchDevices((dev, event) => {
      if (event === "unregistered") this.#lowerRemoved(dev);
    });
  }

  /** vxlan_vni_in_use: a device with this VNI on this port, up or not. */
  inUse(vni: number, dstport: number, gbp: boolean): boolean {
    for (const dev of this.#devices) if (dev.vni === vni && dev.dstport === dstport && dev.gbp === gbp) return true;
    return false;
  }
  register(dev: VxlanPeer): void {
    this.#devices.add(dev);
  }
  unregister(dev: VxlanPeer): void {
    this.#devices.delete(dev);
  }

  /** vxlan_sock_add: the device begins to listen. Devices of one flavour share a port; EADDRINUSE for any other use of it. */
  open(dev: VxlanPeer): Outcome {
    let port = this.#ports.get(dev.dstport);
    if (port === undefined) {
      const fresh = new VxlanPort(this.#kernel, dev.gbp);
      const opened = this.#kernel.udp.registerTunnel(dev.dstport, (p, from) => {
        fresh.receive(p, from);
        return true;
      });
      if (!opened.ok) return opened;
      this.#ports.set(dev.dstport, (port = fresh));
    } else if (port.gbp !== dev.gbp) return refused("EADDRINUSE");
    port.add(dev);
    return done;
  }

  close(dev: VxlanPeer): void {
    const port = this.#ports.get(dev.dstport);
    port?.remove(dev);
    if (port?.idle !== true) return;
    this.#ports.delete(dev.dstport);
    this.#kernel.udp.unregisterTunnel(dev.dstport);
  }

  /** The device that is up and listens for `vni` on `dstport`, for frames that need not leave the node. */
  find(vni: number, dstport: number, gbp: boolean): VxlanPeer | undefined {
    const port = this.#ports.get(dstport);
    return port?.gbp === gbp ? port.find(vni) : undefined;
  }

  /** Devices that are bound to a device go when it goes (vxlan_handle_lowerdev_unregister). */
  #lowerRemoved(lower: NetDevice): void {
    for (const dev of [...this.#devices]) if (dev.isOn(lower)) this.#kernel.unregister(dev);
  }
}

/** The VXLAN devices of a kernel. */
export const vxlanOf = perKernel((kernel) => new VxlanNet(kernel));

/** Joins a multicast group on a device, for as many times as it is left again (net/ipv4/igmp.c:ip_mc_inc_group). */
export function joinGroup(dev: NetDevice, group: Ipv4): void {
  dev.inet.groups ??= new Map();
  dev.inet.groups.set(group, (dev.inet.groups.get(group) ?? 0) + 1);
  dev.kernel.ipv4.routes.invalidate();
}

export function leaveGroup(dev: NetDevice, group: Ipv4): void {
  const left = (dev.inet.groups?.get(group) ?? 1) - 1;
  if (left > 0) dev.inet.groups?.set(group, left);
  else dev.inet.groups?.delete(group);
  dev.kernel.ipv4.routes.invalidate();
}
