import { isGroupMac, type Mac } from "../../../core/addr.ts";
import { done, type Outcome, refused } from "../../../core/errno.ts";
import type { NetDevice } from "../netdev.ts";

/** Flags of a device that can be changed; what is left out stays. */
export interface FlagChange {
  readonly up?: boolean;
  readonly promisc?: boolean;
  readonly allmulti?: boolean;
  readonly multicast?: boolean;
  readonly arp?: boolean;
}

/** SIOCSIFFLAGS (net/core/dev.c:dev_change_flags). */
export function changeFlags(dev: NetDevice, c: FlagChange): Outcome {
  if (c.promisc !== undefined && c.promisc !== dev.wantsPromisc) {
    dev.wantsPromisc = c.promisc;
    dev.promiscuity += c.promisc ? 1 : -1;
  }
  if (c.allmulti !== undefined && c.allmulti !== dev.wantsAllmulti) {
    dev.wantsAllmulti = c.allmulti;
    dev.allmulti += c.allmulti ? 1 : -1;
  }
  dev.multicast = c.multicast ?? dev.multicast;
  if (c.arp !== undefined && c.arp === dev.noArp) {
    dev.noArp = !c.arp;
    dev.kernel.neigh.flushDevice(dev); // net/ipv4/arp.c:arp_netdev_event
  }
  return c.up === undefined ? done : dev.kernel.setUp(dev, c.up);
}

/** SIOCSIFHWADDR (net/core/dev.c:dev_set_mac_address, net/ethernet/eth.c:eth_prepare_mac_addr_change). */
export function changeMac(dev: NetDevice, mac: Mac): Outcome {
  if (dev.headerLength === 0) return refused("EOPNOTSUPP");
  if (dev === dev.kernel.loopback) return refused("EINVAL"); // another type of address
  if (isGroupMac(mac) || mac === 0) return refused("EADDRNOTAVAIL");
  dev.kernel.setMac(dev, mac);
  return done;
}
