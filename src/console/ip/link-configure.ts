import { isGroupMac } from "../../core/addr.ts";
import { done, type Outcome, refused } from "../../core/errno.ts";
import { BridgeDevice } from "../../nodes/kernel/dev/bridge.ts";
import { moveDevice } from "../../nodes/kernel/move.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { answer } from "./exit.ts";
import type { LinkRequest } from "./link-request.ts";
import type { LinkAddress } from "./values.ts";

const ETHERNET_OCTETS = 6;

const MTU_MIN = 68;
const MTU_MAX = 65_535;
/** Kinds that look at it themselves. */
const EARLY_MTU = ["veth", "vxlan"];
/** Kinds that any MTU will do for. */
const ANY_MTU = ["dummy", "vlan", "gre"];
const UNLIMITED_MTU = ["dummy", "gre", "gretap"];

/** Refuses what no device of the kind could be made with, before the kernel looks whether the name is free (`validate`). */
export function checkNew(kind: string, r: LinkRequest): void {
  if (r.address !== undefined) answer(checkAddress(r.address));
  if (EARLY_MTU.includes(kind)) checkNewMtu(kind, r);
}

/** The same of the MTU, which most kinds leave until the device is made (`rtnl_create_link`). */
export function checkNewMtu(kind: string, { mtu }: LinkRequest): void {
  if (mtu === undefined) return;
  const small = mtu < (ANY_MTU.includes(kind) ? 0 : MTU_MIN);
  if (!small && (mtu <= MTU_MAX || UNLIMITED_MTU.includes(kind))) return;
  if (kind === "veth") answer(refused("EINVAL"));
  if (kind === "vxlan") answer(refused("EINVAL", `MTU must be between ${MTU_MIN} and ${MTU_MAX}`));
  answer(refused("EINVAL", small ? "mtu less than device minimum" : "mtu greater than device maximum"));
}

/** Sets what a request says of a device that was just made; a refusal takes it away again (`rtnl_newlink_create`). */
export function configureNew(dev: NetDevice, r: LinkRequest): void {
  const steps: (() => Outcome)[] = [
    () => setMtu(dev, r.mtu),
    () => setAddress(dev, r),
    () => setBroadcast(dev, r),
    () => setTxQueueLength(dev, r.txqueuelen),
    () => setGroup(dev, r.group),
    () => setFlags(dev, r),
    () => setMaster(dev, r.master),
  ];
  for (const step of steps) {
    const outcome = step();
    if (!outcome.ok) dev.kernel.unregister(dev);
    answer(outcome);
  }
}

/** Changes a device; the first refusal ends it, and what was done before stays (net/core/rtnetlink.c:do_setlink). */
export function changeLink(dev: NetDevice, r: LinkRequest): void {
  const { netns } = r;
  const moves = netns !== undefined && netns !== dev.kernel;
  if (moves) answer(moveDevice(dev, netns, r.name ?? dev.name));
  answer(setAddress(dev, r));
  answer(setMtu(dev, r.mtu));
  answer(setGroup(dev, r.group));
  if (r.name !== undefined && !moves) answer(dev.kernel.rename(dev, r.name));
  if (r.alias !== undefined) dev.alias = r.alias;
  answer(setBroadcast(dev, r));
  answer(setFlags(dev, r));
  answer(setMaster(dev, r.master));
  answer(setTxQueueLength(dev, r.txqueuelen));
}

function setAddress(dev: NetDevice, { address }: LinkRequest): Outcome {
  if (address === undefined) return done;
  if (dev.headerLength === 0) return refused("EOPNOTSUPP");
  const checked = checkAddress(address);
  if (checked.ok) dev.kernel.setMac(dev, address.value);
  return checked;
}

/** net/ethernet/eth.c:eth_prepare_mac_addr_change. */
function checkAddress(address: LinkAddress): Outcome {
  if (address.octets !== ETHERNET_OCTETS) return refused("EINVAL");
  return isGroupMac(address.value) || address.value === 0 ? refused("EADDRNOTAVAIL") : done;
}

function setBroadcast(dev: NetDevice, { broadcast }: LinkRequest): Outcome {
  if (broadcast === undefined) return done;
  if (broadcast.octets !== ETHERNET_OCTETS || dev.headerLength === 0) return refused("EINVAL");
  dev.broadcast = broadcast.value;
  dev.kernel.neigh.flushDevice(dev);
  return done;
}

const setMtu = (dev: NetDevice, mtu: number | undefined): Outcome =>
  mtu === undefined || mtu === dev.mtu ? done : dev.kernel.setMtu(dev, mtu);

function setGroup(dev: NetDevice, group: number | undefined): Outcome {
  dev.group = group ?? dev.group;
  return done;
}

function setTxQueueLength(dev: NetDevice, length: number | undefined): Outcome {
  if (length !== undefined && length < 0) return refused("ERANGE");
  dev.txQueueLength = length ?? dev.txQueueLength;
  return done;
}

/** net/core/rtnetlink.c:do_set_master. */
function setMaster(dev: NetDevice, master: NetDevice | null | undefined): Outcome {
  const old = dev.master;
  if (master === undefined || (master ?? undefined) === old) return done;
  if (old instanceof BridgeDevice) {
    const released = old.removePort(dev);
    if (!released.ok) return released;
  }
  if (master === null) return done;
  if (!(master instanceof BridgeDevice)) return refused("EOPNOTSUPP");
  const added = master.addPort(dev);
  return added.ok ? done : added;
}

function setFlags(dev: NetDevice, r: LinkRequest): Outcome {
  if (r.promisc !== undefined && r.promisc !== dev.wantsPromisc) {
    dev.wantsPromisc = r.promisc;
    dev.promiscuity += r.promisc ? 1 : -1;
  }
  if (r.allmulticast !== undefined && r.allmulticast !== dev.wantsAllmulti) {
    dev.wantsAllmulti = r.allmulticast;
    dev.allmulti += r.allmulticast ? 1 : -1;
  }
  dev.multicast = r.multicast ?? dev.multicast;
  const loops = dev === dev.kernel.loopback;
  if (loops && r.arp === false) return refused("EOPNOTSUPP", "lo: arp off is not built");
  if (!loops && r.arp !== undefined && r.arp === dev.noArp) {
    dev.noArp = !r.arp;
    dev.kernel.neigh.flushDevice(dev); // net/ipv4/arp.c:arp_netdev_event
  }
  return r.up === undefined ? done : dev.kernel.setUp(dev, r.up);
}
