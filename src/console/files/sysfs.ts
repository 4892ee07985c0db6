import { formatIp, formatMac } from "../../core/addr.ts";
import { GreDevice } from "../../nodes/kernel/dev/gre.ts";
import type { DeviceStats, NetDevice } from "../../nodes/kernel/netdev.ts";
import { linkFlags, lowerLink, operstate } from "../ip/link-facts.ts";
import { linkSettings } from "./link-settings.ts";

/** What a file of a device says; undefined: it cannot be read now (EINVAL). */
type Attribute = (dev: NetDevice) => string | undefined;

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const ARPHRD_IPGRE = 778;

/** /sys/class/net/DEV (net/core/net-sysfs.c). */
export const DEVICE_FILES: ReadonlyMap<string, Attribute> = new Map<string, Attribute>([
  ["addr_len", (dev) => (isGre(dev) ? "4" : "6")],
  ["address", (dev) => (dev instanceof GreDevice ? formatGre(dev.parms.local) : formatMac(dev.mac))],
  ["broadcast", broadcast],
  ["carrier", (dev) => (dev.up ? (dev.carrier ? "1" : "0") : undefined)],
  ["carrier_changes", (dev) => String(dev.carrierChanges)],
  ["duplex", (dev) => (dev.up ? linkSettings(dev)?.duplex : undefined)],
  ["flags", (dev) => `0x${flags(dev).toString(16)}`],
  ["ifindex", (dev) => String(dev.ifindex)],
  ["iflink", (dev) => String(lowerLink(dev)?.ifindex ?? dev.ifindex)],
  ["mtu", (dev) => String(dev.mtu)],
  ["operstate", (dev) => operstate(dev).toLowerCase()],
  ["speed", (dev) => (dev.up ? linkSettings(dev)?.speedMbps.toString() : undefined)],
  ["tx_queue_len", (dev) => String(dev.txQueueLength)],
  ["type", (dev) => String(type(dev))],
]);

/** /sys/class/net/DEV/statistics: the counters that are kept; the others are 0. */
const COUNTERS: Readonly<Record<string, keyof DeviceStats | undefined>> = {
  collisions: "collisions",
  multicast: "rxMulticast",
  rx_bytes: "rxBytes",
  rx_compressed: undefined,
  rx_crc_errors: undefined,
  rx_dropped: "rxDropped",
  rx_errors: "rxErrors",
  rx_fifo_errors: undefined,
  rx_frame_errors: undefined,
  rx_length_errors: undefined,
  rx_missed_errors: undefined,
  rx_nohandler: undefined,
  rx_over_errors: undefined,
  rx_packets: "rxPackets",
  tx_aborted_errors: undefined,
  tx_bytes: "txBytes",
  tx_carrier_errors: "txCarrierErrors",
  tx_compressed: undefined,
  tx_dropped: "txDropped",
  tx_errors: "txErrors",
  tx_fifo_errors: undefined,
  tx_heartbeat_errors: undefined,
  tx_packets: "txPackets",
  tx_window_errors: undefined,
};

export const isCounter = (name: string): boolean => Object.hasOwn(COUNTERS, name);

/** A counter by the name of its file. */
export function counter(dev: NetDevice, name: string): string {
  const key = COUNTERS[name];
  return String(key === undefined ? 0 : dev.stats[key]);
}

const isGre = (dev: NetDevice): boolean => dev instanceof GreDevice;

const type = (dev: NetDevice): number =>
  dev === dev.kernel.loopback ? ARPHRD_LOOPBACK : isGre(dev) ? ARPHRD_IPGRE : ARPHRD_ETHER;

function broadcast(dev: NetDevice): string {
  if (dev instanceof GreDevice) return formatGre(dev.parms.remote);
  return formatMac(dev === dev.kernel.loopback ? 0 : dev.broadcast);
}

/** An address of a tunnel as four octets in hexadecimal. */
const formatGre = (address: number): string =>
  formatIp(address)
    .split(".")
    .map((octet) => Number(octet).toString(16).padStart(2, "0"))
    .join(":");

const FLAG_BITS: Readonly<Record<string, number>> = {
  UP: 0x1,
  BROADCAST: 0x2,
  LOOPBACK: 0x8,
  POINTOPOINT: 0x10,
  NOARP: 0x80,
  MULTICAST: 0x1000,
};

/** `dev->flags`: promiscuous for whatever reason, not only for the administrator's. */
function flags(dev: NetDevice): number {
  const set = linkFlags(dev).reduce((sum, name) => sum | (FLAG_BITS[name] ?? 0), 0);
  return set | (dev.promiscuity > 0 ? 0x100 : 0) | (dev.allmulti > 0 ? 0x200 : 0);
}
