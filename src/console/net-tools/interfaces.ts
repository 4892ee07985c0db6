import { formatIp, formatMac, maskOf } from "../../core/addr.ts";
import { GreDevice } from "../../nodes/kernel/dev/gre.ts";
import { labelled } from "../../nodes/kernel/ioctl/address.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { linkFlags } from "../ip/link-facts.ts";

/** Flags in the order in which `ifconfig` tells them, with their bits and, for `-s`, their letters. */
const FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ["UP", 0x1],
  ["BROADCAST", 0x2],
  ["LOOPBACK", 0x8],
  ["POINTOPOINT", 0x10],
  ["RUNNING", 0x40],
  ["NOARP", 0x80],
  ["PROMISC", 0x100],
  ["ALLMULTI", 0x200],
  ["MULTICAST", 0x1000],
];
/** Letters of `-s`, in their own order. */
const LETTERS: readonly (readonly [name: string, letter: string])[] = [
  ["ALLMULTI", "A"],
  ["BROADCAST", "B"],
  ["LOOPBACK", "L"],
  ["MULTICAST", "M"],
  ["PROMISC", "P"],
  ["NOARP", "O"],
  ["POINTOPOINT", "P"],
  ["RUNNING", "R"],
  ["UP", "U"],
];

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
const UNSPEC_OCTETS = 16;

/** IFF_… of a device, by name. */
function flagsOf(dev: NetDevice): Set<string> {
  const flags = new Set(linkFlags(dev));
  if (flags.has("UP") && !flags.has("NO-CARRIER")) flags.add("RUNNING");
  return flags;
}

/** Names of devices and labels of addresses, sorted as `ifconfig` does (lib/nstrcmp.c). */
export function interfaceNames(kernel: Kernel): string[] {
  const labels = kernel.addresses.list().map((a) => a.label);
  return [...new Set([...[...kernel.devices()].map((dev) => dev.name), ...labels])].sort(compareNames);
}

/** `eth2` before `eth10`, and `eth2:1` behind `eth2`. */
function compareNames(x: string, y: string): number {
  const [a, b] = [split(x), split(y)];
  if (a.stem !== b.stem) return a.stem < b.stem ? -1 : 1;
  if (a.number !== b.number) return a.number - b.number;
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.alias - b.alias;
}

function split(text: string): {
  readonly name: string;
  readonly stem: string;
  readonly number: number;
  readonly alias: number;
} {
  const [, name = "", alias] = /^(.*?)(?::(\d+))?$/s.exec(text) as RegExpExecArray;
  const stem = name.replace(/\d+$/, "");
  return { name, stem, number: Number(name.slice(stem.length)), alias: alias === undefined ? -1 : Number(alias) };
}

/** One interface, or one label of one (lib/interface.c:ife_print_long). */
export function describeInterface(dev: NetDevice, name: string): string {
  const flags = flagsOf(dev);
  const set = FLAGS.filter(([flag]) => flags.has(flag));
  const bits = set.reduce((sum, [, bit]) => sum | bit, 0);
  const names = set.map(([flag]) => flag).join(",");
  return [
    `${name}: flags=${bits}<${names}${names === "" ? "" : ">"}  mtu ${dev.mtu}`,
    ...describeAddress(dev, name, flags),
    `        ${hardware(dev)}`,
    ...(name === dev.name ? counters(dev) : []),
    "\n",
  ].join("\n");
}

function describeAddress(dev: NetDevice, name: string, flags: ReadonlySet<string>): string[] {
  const a = labelled(dev.kernel, name);
  if (a === undefined) return [];
  const broadcast = flags.has("BROADCAST") ? `  broadcast ${formatIp(a.broadcast)}` : "";
  const peer = flags.has("POINTOPOINT") ? `  destination ${formatIp(a.peer)}` : "";
  return [`        inet ${formatIp(a.address)}  netmask ${formatIp(maskOf(a.length))}${broadcast}${peer}`];
}

function hardware(dev: NetDevice): string {
  const queue = `  txqueuelen ${dev.txQueueLength}`;
  if (dev === dev.kernel.loopback) return `loop${queue}  (Local Loopback)`;
  if (dev.headerLength > 0) return `ether ${formatMac(dev.mac)}${queue}  (Ethernet)`;
  const local = dev instanceof GreDevice ? dev.parms.local : 0;
  const octets = Array.from({ length: UNSPEC_OCTETS }, (_, i) => (i < 4 ? (local >>> (24 - 8 * i)) & 255 : 0));
  const text = octets.map((octet) => octet.toString(16).toUpperCase().padStart(2, "0")).join("-");
  return `unspec ${text}${queue}  (UNSPEC)`;
}

function counters({ stats: s }: NetDevice): string[] {
  return [
    `        RX packets ${s.rxPackets}  bytes ${s.rxBytes} (${amount(s.rxBytes)})`,
    `        RX errors ${s.rxErrors}  dropped ${s.rxDropped}  overruns 0  frame 0`,
    `        TX packets ${s.txPackets}  bytes ${s.txBytes} (${amount(s.txBytes)})`,
    `        TX errors ${s.txErrors}  dropped ${s.txDropped} overruns 0  carrier ${s.txCarrierErrors}  collisions ${s.collisions}`,
  ];
}

/** `4.7 KiB`: cut, not rounded; a unit is used when there is more than one of it. */
function amount(bytes: number): string {
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes > 1024 ** (unit + 1)) unit++;
  const tenths = Math.floor((bytes * 10) / 1024 ** unit);
  return `${Math.floor(tenths / 10)}.${tenths % 10} ${UNITS[unit]}`;
}

export const SHORT_HEADER = "Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n";

/** One line of `-s` (lib/interface.c:ife_print_short). */
export function describeShort(dev: NetDevice, name: string): string {
  const { stats: s } = dev;
  const flags = flagsOf(dev);
  const right = (n: number, width: number): string => String(n).padStart(width);
  const rx = `${right(s.rxPackets, 8)} ${right(s.rxErrors, 6)} ${right(s.rxDropped, 6)} ${"0".padEnd(6)} `;
  const tx = `${right(s.txPackets, 8)} ${right(s.txErrors, 6)} ${right(s.txDropped, 6)} ${right(0, 6)} `;
  const figures = name === dev.name ? rx + tx : "     - no statistics available -".padEnd(56);
  const letters = LETTERS.filter(([flag]) => flags.has(flag)).map(([, letter]) => letter);
  return `${name.slice(0, 15).padEnd(15)} ${right(dev.mtu, 5)} ${figures}${letters.join("")}\n`;
}
