import { formatIp, formatMac, type Ipv4, type Mac } from "../../core/addr.ts";
import { type Outcome, strerror } from "../../core/errno.ts";
import { deleteArp, setArp } from "../../nodes/kernel/ioctl/arp.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { proxyNeighbours } from "../../nodes/kernel/neigh-admin.ts";
import { getoptLong } from "../getopt-long.ts";
import type { SystemProcess } from "../process.ts";
import { guarded, parseEther, resolve, STATUS_USAGE, Stop, unknownHost } from "./names.ts";

const LONG = {
  verbose: "v",
  version: "V",
  all: "a",
  delete: "d",
  file: "f",
  numeric: "n",
  set: "s",
  protocol: "A:",
  "hw-type": "H:",
  device: "i:",
  help: "h",
  "use-device": "D",
  symbolic: "N",
};
/** The status of what failed: −1. */
const FAILED = -1;

/** `arp` of net-tools 2.10 (arp.c:main). */
export const arp = (self: SystemProcess): void => guarded(self, () => run(self));

/** What the command line says. */
interface Options {
  readonly what: "show" | "all" | "delete" | "set";
  /** BSD's words, not the table. */
  readonly bsd: boolean;
  readonly dev: string | undefined;
  readonly verbose: boolean;
  readonly useDevice: boolean;
  readonly hardware: boolean;
}

function run(self: SystemProcess): number {
  const { options, rest, complaint } = getoptLong("arp", self.args, "A:H:adfp:nsei:t:vh?DNV", LONG);
  const has = (key: string): boolean => options.some((o) => o.key === key);
  const last = (...keys: readonly string[]): string | undefined =>
    options.filter((o) => keys.includes(o.key)).at(-1)?.value;
  const family = last("A", "p");
  if (family !== undefined && family !== "inet") throw new Stop(FAILED, `arp: ${family}: unknown address family.\n`);
  const hardware = last("H", "t");
  if (hardware !== undefined && hardware !== "ether") {
    throw new Stop(FAILED, `arp: ${hardware}: unknown hardware type.\n`);
  }
  if (has("V")) {
    self.out("net-tools 2.10\n");
    return 0;
  }
  if (has("h")) {
    self.out(USAGE);
    return 0;
  }
  if (complaint !== undefined) throw new Stop(STATUS_USAGE, complaint + USAGE);
  if (has("?")) throw usage();
  if (has("N")) self.err("arp: -N not yet supported.\n");
  const action = options.filter((o) => "adfs".includes(o.key)).at(-1)?.key;
  if (action === "f") throw new Stop(FAILED, "arp: -f is not built\n");
  const o: Options = {
    what: action === "d" ? "delete" : action === "s" ? "set" : action === "a" ? "all" : "show",
    bsd: action === "a" && !has("e"),
    dev: last("i"),
    verbose: has("v"),
    useDevice: has("D"),
    hardware: hardware !== undefined,
  };
  if (o.what === "delete") return remove(self, o, rest);
  return o.what === "set" ? set(self, o, rest) : show(self, o, rest[0]);
}

// --- showing -----------------------------------------------------------------------------------------------------

/** One line of /proc/net/arp. */
interface Entry {
  readonly ip: Ipv4;
  /** Undefined: it is not known. */
  readonly mac: Mac | undefined;
  readonly permanent: boolean;
  readonly published: boolean;
  readonly dev: string;
}

const HEADER = "Address                  HWtype  HWaddress           Flags Mask            Iface\n";

/** net/ipv4/arp.c:arp_seq_show: neighbours that are asked for, then what is published. */
function entries(kernel: Kernel): Entry[] {
  const known = [...kernel.neigh.entries()].filter((n) => n.state !== "noarp" && n.state !== "none");
  return [
    ...known.map((n) => ({
      ip: n.ip,
      mac: n.valid ? n.mac : undefined,
      permanent: n.state === "permanent",
      published: false,
      dev: n.dev.name,
    })),
    ...proxyNeighbours(kernel).map(({ ifindex, ip }) => ({
      ip,
      mac: undefined,
      permanent: true,
      published: true,
      dev: kernel.deviceByIndex(ifindex)?.name ?? "*",
    })),
  ];
}

/** arp.c:arp_show. Names are not resolved, so that `-n` changes nothing. */
function show(self: SystemProcess, o: Options, name: string | undefined): number {
  const only = name === undefined ? undefined : lookup(name);
  const all = entries(self.kernel);
  const shown = all.filter((e) => (only === undefined || e.ip === only) && (o.dev === undefined || e.dev === o.dev));
  if (shown.length > 0 && !o.bsd) self.out(HEADER);
  for (const e of shown) self.out(o.bsd ? bsdLine(e) : tableLine(e));
  if (o.verbose) self.out(`Entries: ${all.length}\tSkipped: ${all.length - shown.length}\tFound: ${shown.length}\n`);
  if (shown.length > 0) return 0;
  if (only !== undefined && o.what !== "all") self.out(`${name} (${formatIp(only)}) -- no entry\n`);
  else if (o.hardware || only !== undefined || o.dev !== undefined) {
    self.out(`arp: in ${all.length} entries no match found.\n`);
  }
  return 0;
}

function tableLine(e: Entry): string {
  const flags = `${e.mac === undefined ? "" : "C"}${e.permanent ? "M" : ""}${e.published ? "P" : ""}`;
  const hardware =
    e.mac !== undefined
      ? `${"ether".padEnd(8)}${formatMac(e.mac).padEnd(20)}`
      : e.published
        ? `${"*".padEnd(8)}${"<from_interface>".padEnd(20)}`
        : `${"".padEnd(8)}${"(incomplete)".padEnd(20)}`;
  return `${formatIp(e.ip).padEnd(23)}  ${hardware}${flags.padEnd(6)}${"".padEnd(15)} ${e.dev}\n`;
}

function bsdLine(e: Entry): string {
  const hardware =
    e.mac !== undefined ? `${formatMac(e.mac)} [ether] ` : e.published ? "<from_interface> " : "<incomplete> ";
  return `? (${formatIp(e.ip)}) at ${hardware}${e.permanent ? "PERM " : ""}${e.published ? "PUB " : ""}on ${e.dev}\n`;
}

// --- changing ----------------------------------------------------------------------------------------------------

/** Words behind the addresses. */
interface Modifiers {
  temporary: boolean;
  published: boolean;
  private: boolean;
  dev: string | undefined;
}

function readModifiers(words: readonly string[], dev: string | undefined): Modifiers {
  const m: Modifiers = { temporary: false, published: false, private: false, dev };
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === "temp") m.temporary = true;
    else if (word === "pub") m.published = true;
    else if (word === "priv") m.private = true;
    else if (word === "dev" || word === "netmask") {
      const value = words[++i];
      if (value === undefined) throw usage();
      if (word === "dev") m.dev = value;
      else if (value !== "255.255.255.255") throw new Stop(FAILED, `arp: netmask ${value} is not built\n`);
    } else if (["trail", "dontpub", "auto"].includes(word)) throw new Stop(FAILED, `arp: ${word} is not built\n`);
    else throw new Stop(STATUS_USAGE, `arp: unknown option "${word}"\n${USAGE}`);
  }
  return m;
}

/** arp.c:arp_set. */
function set(self: SystemProcess, o: Options, [host, hardware, ...words]: readonly string[]): number {
  const { kernel } = self;
  if (host === undefined) throw new Stop(FAILED, "arp: need host name\n");
  const ip = lookup(host);
  if (hardware === undefined) throw new Stop(FAILED, "arp: need hardware address\n");
  const mac = o.useDevice ? macOf(kernel, hardware) : parseEther(hardware);
  if (mac === undefined) throw new Stop(FAILED, "arp: invalid hardware address\n");
  const m = readModifiers(words, o.dev);
  return report(
    self,
    "SIOCSARP",
    setArp(kernel, { ip, dev: m.dev, published: m.published && !m.private }, mac, !m.temporary),
  );
}

function macOf(kernel: Kernel, name: string): Mac {
  const dev = kernel.device(name);
  if (dev === undefined) {
    throw new Stop(FAILED, `arp: cant get HW-Address for \`${name}': ${strerror("ENODEV")}.\n`);
  }
  return dev.mac;
}

/** arp.c:arp_del: what is known by asking first, then what is published; `pub` and `priv` leave one of them. */
function remove(self: SystemProcess, o: Options, [host, ...words]: readonly string[]): number {
  if (host === undefined) throw new Stop(FAILED, "arp: need host name\n");
  const ip = lookup(host);
  const m = readModifiers(words, o.dev);
  const both = m.published === m.private;
  const request = (published: boolean): Outcome => deleteArp(self.kernel, { ip, dev: m.dev, published });
  if (both || m.private) {
    const deleted = request(false);
    const missing = !deleted.ok && (deleted.errno === "ENXIO" || deleted.errno === "ENOENT");
    if (!missing || !both) return report(self, "SIOCDARP(dontpub)", deleted, host);
  }
  return report(self, "SIOCDARP(pub)", request(true), host);
}

/** `host`: what there is no entry for. */
function report(self: SystemProcess, request: string, outcome: Outcome, host?: string): number {
  if (outcome.ok) return 0;
  if (host !== undefined && (outcome.errno === "ENXIO" || outcome.errno === "ENOENT")) {
    self.out(`No ARP entry for ${host}\n`);
  } else self.err(`${request}: ${strerror(outcome.errno)}\n`);
  return FAILED;
}

function lookup(text: string): Ipv4 {
  const found = resolve(text);
  if (found === undefined) throw new Stop(FAILED, unknownHost(text));
  return found.address;
}

const usage = (): Stop => new Stop(STATUS_USAGE, USAGE);

const USAGE = `Usage:
  arp [-vn]  [-i <if>] [-a] [<hostname>]             <-Display ARP cache
  arp [-v]   [-i <if>] -d  <host> [pub]               <-Delete ARP entry
  arp [-v]   [-i <if>] -s  <host> <hwaddr> [temp]            <-Add entry
  arp [-v]   [-i <if>] -Ds <host> <if> pub                        <-''-

        -a                       display (all) hosts in alternative (BSD) style
        -e                       display (all) hosts in default (Linux) style
        -s, --set                set a new ARP entry
        -d, --delete             delete a specified entry
        -v, --verbose            be verbose
        -n, --numeric            don't resolve names
        -i, --device             specify network interface (e.g. eth0)
        -D, --use-device         read <hwaddr> from given device

`;
