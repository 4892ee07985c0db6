import { isGroupMac, type Mac, multicastMac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import { ETHERNET_HEADER, type NetDevice } from "../netdev.ts";

/** What a device without a forwarding table of its own has in its place: the MACs that it receives besides its own. */

/** MACs that may be added to one device; Linux has no such limit. */
const EXTRA_MAX = 4096;
/** 224.0.0.1, which every device that is up has joined (net/ipv4/igmp.c:ip_mc_up). */
const ALL_SYSTEMS = multicastMac(0xe0000001);
/** 01:80:c2:00:00:0X counts as the address of one machine here (`is_link_local_ether_addr`). */
const LINK_LOCAL = 0x0180_c200_0000;

/** Whether it has link addresses of Ethernet (ARPHRD_ETHER). */
export const isEthernet = (dev: NetDevice): boolean =>
  dev.headerLength === ETHERNET_HEADER && dev !== dev.kernel.loopback;

/** net/core/rtnetlink.c:ndo_dflt_fdb_dump: addresses of machines, then of groups. */
export function deviceMacs(dev: NetDevice): Mac[] {
  if (!isEthernet(dev)) return [];
  const vlans = (dev.vlans?.devices() ?? []).filter((vlan) => vlan.up && vlan.mac !== dev.mac).map((vlan) => vlan.mac);
  const joined = dev.up ? [ALL_SYSTEMS, ...[...(dev.inet.groups?.keys() ?? [])].map(multicastMac)] : [];
  const single = [...vlans, ...dev.extraMacs.filter(isSingle)];
  const groups = [...joined, ...dev.extraMacs.filter((mac) => !isSingle(mac))];
  return [...new Set([...single, ...groups])];
}

/** net/core/rtnetlink.c:ndo_dflt_fdb_add. `exclusive`: refuse one that is there. */
export function addDeviceMac(dev: NetDevice, mac: Mac, exclusive: boolean): Outcome {
  if (deviceMacs(dev).includes(mac)) return exclusive ? refused("EEXIST") : done;
  if (dev.extraMacs.length >= EXTRA_MAX) return refused("ENOMEM");
  dev.extraMacs = [...dev.extraMacs, mac];
  return done;
}

/** net/core/rtnetlink.c:ndo_dflt_fdb_del. What the device has for other reasons stays. */
export function deleteDeviceMac(dev: NetDevice, mac: Mac): Outcome {
  if (!dev.extraMacs.includes(mac)) return refused("ENOENT");
  dev.extraMacs = dev.extraMacs.filter((other) => other !== mac);
  return done;
}

const isSingle = (mac: Mac): boolean => !isGroupMac(mac) || mac - (mac % 16) === LINK_LOCAL;
