import { type Ipv4, isLoopback, isMulticast, LIMITED_BROADCAST, lengthOfMask, maskOf } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { Ifaddr } from "../address-routes.ts";
import type { AddressSpec } from "../addresses.ts";
import { GreDevice } from "../dev/gre.ts";
import { SCOPE_GLOBAL, SCOPE_HOST } from "../fib/route.ts";
import type { Kernel } from "../kernel.ts";
import type { NetDevice } from "../netdev.ts";

/**
 * What `ifconfig` asks of addresses (net/ipv4/devinet.c:devinet_ioctl). A name is that of a device, or, with a colon in it, the
 * label of one of its addresses: `eth0:1`.
 */

/** Longest prefix that has a broadcast address. */
const BROADCAST_LENGTH_MAX = 30;

/** The device that a name means. */
export const deviceOf = (kernel: Kernel, name: string): NetDevice | undefined =>
  kernel.device(name.includes(":") ? name.slice(0, name.indexOf(":")) : name);

/** The first address with that label (SIOCGIFADDR and its like). */
export const labelled = (kernel: Kernel, name: string): Ifaddr | undefined => {
  const dev = deviceOf(kernel, name);
  return dev === undefined ? undefined : kernel.addresses.list(dev.ifindex).find((a) => a.label === name);
};

/** SIOCSIFADDR: gives the label this address, with the prefix of its class, in place of the one that it had; 0.0.0.0 takes it away. */
export function setAddress(kernel: Kernel, name: string, address: Ipv4): Outcome {
  const dev = deviceOf(kernel, name);
  if (dev === undefined) return refused("ENODEV");
  const length = classLength(address);
  if (length === undefined) return refused("EINVAL");
  const old = labelled(kernel, name);
  if (old?.address === address) return done;
  if (old !== undefined) remove(kernel, old);
  if (address === 0) return done;
  return kernel.addresses.add(dev.ifindex, {
    address,
    label: name,
    scope: isLoopback(address) ? SCOPE_HOST : SCOPE_GLOBAL,
    ...(isPointToPoint(dev) ? { length: 32 } : { length, ...broadcastOf(dev, address, length) }),
  });
}

/** SIOCSIFNETMASK: another length of the prefix; the broadcast address follows when it was that of the subnet. */
export function setNetmask(kernel: Kernel, name: string, mask: Ipv4): Outcome {
  const found = find(kernel, name);
  if (!found.ok) return found;
  const { dev, old } = found.value;
  const length = lengthOfMask(mask);
  if (length === undefined) return refused("EINVAL");
  if (length === old.length) return done;
  const follows = old.broadcast === (old.address | ~maskOf(old.length)) >>> 0;
  replace(kernel, old, { length, ...(follows ? broadcastOf(dev, old.address, length) : {}) });
  return done;
}

/** SIOCSIFBRDADDR. */
export function setBroadcast(kernel: Kernel, name: string, broadcast: Ipv4): Outcome {
  const found = find(kernel, name);
  if (!found.ok) return found;
  const { old } = found.value;
  if (old.broadcast !== broadcast) replace(kernel, old, { broadcast });
  return done;
}

/** SIOCSIFDSTADDR: the other end. */
export function setDestination(kernel: Kernel, name: string, peer: Ipv4): Outcome {
  const found = find(kernel, name);
  if (!found.ok) return found;
  const { old } = found.value;
  if (old.peer === peer) return done;
  if (classLength(peer) === undefined) return refused("EINVAL");
  replace(kernel, old, { peer });
  return done;
}

/** SIOCSIFFLAGS without IFF_UP for a label: its address goes. With IFF_UP it must be there. */
export function setLabelUp(kernel: Kernel, name: string, up: boolean): Outcome {
  const old = labelled(kernel, name);
  if (old === undefined) return refused("EADDRNOTAVAIL");
  if (!up) remove(kernel, old);
  return done;
}

function find(kernel: Kernel, name: string): Outcome<{ readonly dev: NetDevice; readonly old: Ifaddr }> {
  const dev = deviceOf(kernel, name);
  if (dev === undefined) return refused("ENODEV");
  const old = labelled(kernel, name);
  return old === undefined ? refused("EADDRNOTAVAIL") : { ok: true, value: { dev, old } };
}

/** The address leaves its list and comes back changed; that it is refused then changes nothing for the caller. */
function replace(kernel: Kernel, old: Ifaddr, change: Partial<AddressSpec>): void {
  const { address, peer, length, broadcast, scope, label, noPrefixRoute, metric, validUntil, preferredUntil } = old;
  const kept = { address, peer, length, broadcast, scope, label, noPrefixRoute, metric, validUntil, preferredUntil };
  remove(kernel, old);
  kernel.addresses.add(old.ifindex, { ...kept, ...change });
}

const remove = (kernel: Kernel, a: Ifaddr): Outcome =>
  kernel.addresses.remove(a.ifindex, a.address, a.length, { peer: a.peer, label: a.label });

const broadcastOf = (dev: NetDevice, address: Ipv4, length: number): { broadcast?: Ipv4 } =>
  dev.headerLength === 0 || dev === dev.kernel.loopback || length > BROADCAST_LENGTH_MAX
    ? {}
    : { broadcast: (address | ~maskOf(length)) >>> 0 };

const isPointToPoint = (dev: NetDevice): boolean =>
  dev instanceof GreDevice ? dev.parms.remote !== 0 : dev.pointToPoint;

/** net/ipv4/devinet.c:inet_abc_len; undefined for groups, which no host can have. */
function classLength(address: Ipv4): number | undefined {
  if (address >>> 24 === 0 || address === LIMITED_BROADCAST) return 0;
  if (isMulticast(address)) return undefined;
  const first = address >>> 24;
  return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32;
}
