import { formatIp, formatMac, type Ipv4, multicastMac } from "../../core/addr.ts";
import { ETHERNET_HEADER, type NetDevice } from "../../nodes/kernel/netdev.ts";
import { Args } from "./args.ts";
import type { Ip } from "./context.ts";
import { garbage, notBuilt, usage } from "./exit.ts";

/** Every host is in it, on every device that is up. */
const ALL_HOSTS: Ipv4 = 0xe0000001;

/** `ip maddr` (ip/ipmaddr.c:do_multiaddr). */
export function maddr(ip: Ip, args: Args): void {
  const rest = new Args(args.rest.slice(1));
  if (!args.more || args.abbreviates("list", "show", "lst")) return list(ip, rest);
  for (const change of ["add", "delete"]) if (args.abbreviates(change)) throw notBuilt(`ip maddr ${change}`);
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip maddr help".`);
}

/** A group, with those who joined it: a link address where `family` is empty. */
interface Group {
  readonly family: "inet" | "";
  readonly address: string;
  readonly users: number;
}

function list(ip: Ip, args: Args): void {
  let name: string | undefined;
  for (; args.more; args.step()) {
    if (args.is("dev")) args.next();
    else if (args.abbreviates("help")) throw usage(USAGE);
    if (name !== undefined) throw garbage("dev", args.word);
    name = args.word;
  }
  const { out, options } = ip;
  out.begin();
  for (const dev of ip.kernel.devices()) {
    if (name !== undefined && dev.name !== name) continue;
    const groups = groupsOf(dev).filter((g) => options.family === "" || (g.family || "link") === options.family);
    const blocks = options.oneline ? groups.map((g) => [g]) : groups.length === 0 ? [] : [groups];
    for (const block of blocks) putBlock(ip, dev, block);
  }
  out.end();
}

/** The groups that a device listens to: those joined last come first, after the link addresses in the order of joining. */
function groupsOf(dev: NetDevice): Group[] {
  const joined: [Ipv4, number][] = [...(dev.up ? [[ALL_HOSTS, 1] as [Ipv4, number]] : []), ...(dev.inet.groups ?? [])];
  const onLink = dev.headerLength === ETHERNET_HEADER && dev !== dev.kernel.loopback ? joined : [];
  const macs = new Map<string, number>();
  for (const [group] of onLink) {
    const mac = formatMac(multicastMac(group));
    macs.set(mac, (macs.get(mac) ?? 0) + 1);
  }
  return [
    ...[...macs].map(([address, users]): Group => ({ family: "", address, users })),
    ...joined.reverse().map(([group, users]): Group => ({ family: "inet", address: formatIp(group), users })),
  ];
}

function putBlock(ip: Ip, dev: NetDevice, groups: readonly Group[]): void {
  const { out } = ip;
  out.object();
  out.put("ifindex", dev.ifindex, `${dev.ifindex}:`);
  out.put("ifname", dev.name, `\t${dev.name}`);
  out.newline();
  out.array("maddr");
  for (const { family, address, users } of groups) {
    out.object();
    out.text("\t");
    if (family === "") out.put("link", address, `link  ${address}`);
    else {
      out.put("family", family, `${family.padEnd(5)} `);
      out.put("address", address, address);
    }
    if (users !== 1) out.put("users", users, ` users ${users}`);
    out.text("\n");
    out.endObject();
  }
  out.endArray();
  out.endObject();
}

const USAGE = "Usage: ip maddr show [ dev DEV ]";
