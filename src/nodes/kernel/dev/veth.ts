import { type Outcome, refused } from "../../../core/errno.ts";
import { Cable } from "../../link.ts";
import type { Kernel } from "../kernel.ts";
import { EthernetDevice } from "./ethernet.ts";

/** The other end of a veth pair: in which namespace, and its name; `%d` is a number that is free. */
export interface VethPeer {
  readonly kernel: Kernel;
  readonly name: string;
}

/**
 * `ip link add NAME type veth peer name …`: two devices with a cable between them, which forwards at once. The other end is
 * registered first, and so gets the lower number (drivers/net/veth.c:veth_newlink).
 */
export function addVeth(kernel: Kernel, name: string, peer: VethPeer): Outcome<EthernetDevice> {
  if (kernel.device(name) !== undefined) return refused("EEXIST");
  const far = register(peer.kernel, peer.name);
  if (!far.ok) return far;
  const near = register(kernel, name);
  if (!near.ok) {
    peer.kernel.unregister(far.value);
    return near;
  }
  const { sim } = kernel;
  const cable = new Cable(sim, sim.nextCable(), near.value, far.value);
  near.value.plug(cable);
  far.value.plug(cable);
  return near;
}

const register = (kernel: Kernel, name: string): Outcome<EthernetDevice> =>
  kernel.register(name, (final, ifindex) => new EthernetDevice(kernel, final, ifindex));
