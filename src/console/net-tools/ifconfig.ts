import { type Ipv4, maskOf } from "../../core/addr.ts";
import { type Errno, type Outcome, strerror } from "../../core/errno.ts";
import {
  deviceOf,
  labelled,
  setAddress,
  setBroadcast,
  setDestination,
  setLabelUp,
  setNetmask,
} from "../../nodes/kernel/ioctl/address.ts";
import { changeFlags, changeMac, type FlagChange } from "../../nodes/kernel/ioctl/flags.ts";
import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import type { SystemProcess } from "../process.ts";
import { describeInterface, describeShort, interfaceNames, SHORT_HEADER } from "./interfaces.ts";
import { guarded, parseEther, resolve, STATUS_USAGE, Stop, unknownHost } from "./names.ts";

/** IFNAMSIZ without the closing zero: longer names are cut. */
const NAME_MAX = 15;
/** What a step that failed adds to the status: 1, or −1 where a flag could not be set. */
const FAILED = 1;
const FLAG_FAILED = -1;

/** `ifconfig` of net-tools 2.10 (ifconfig.c:main). */
export const ifconfig = (self: SystemProcess): void => guarded(self, () => run(self));

function run(self: SystemProcess): number {
  const options = { all: false, short: false, verbose: false };
  let at = 0;
  for (; self.args[at]?.startsWith("-"); at++) {
    const word = self.args[at] as string;
    if (word === "-a") options.all = true;
    else if (word === "-s") options.short = true;
    else if (word === "-v") options.verbose = true;
    else if (["-V", "-version", "--version"].includes(word)) {
      self.out("net-tools 2.10\n");
      return 0;
    } else if (["-?", "-h", "-help", "--help"].includes(word)) {
      self.out(USAGE);
      return 0;
    } else {
      const lines = [`ifconfig: option \`${word}' not recognised.`, "ifconfig: `--help' gives usage information.\n"];
      throw new Stop(1, lines.join("\n"));
    }
  }
  const [name, ...words] = self.args.slice(at);
  if (name === undefined || words.length === 0) return show(self, name?.slice(0, NAME_MAX), options);
  const run = new Configuration(self, name.slice(0, NAME_MAX), words);
  const status = run.perform();
  if (options.verbose && status !== 0) self.err(`WARNING: at least one error occured. (${status})\n`);
  return status;
}

function show(
  self: SystemProcess,
  only: string | undefined,
  options: { readonly all: boolean; readonly short: boolean },
): number {
  const { kernel } = self;
  if (options.short) self.out(SHORT_HEADER);
  for (const name of only === undefined ? interfaceNames(kernel) : [only]) {
    const dev = deviceOf(kernel, name);
    if (dev === undefined) {
      self.err(`${name}: error fetching interface information: Device not found\n`);
      return 1;
    }
    if (only !== undefined || dev.up || options.all) {
      self.out(options.short ? describeShort(dev, name) : describeInterface(dev, name));
    }
  }
  return 0;
}

/** Words that the real program knows and this one does not build. */
const UNBUILT = [
  ...["trailers", "-trailers", "dynamic", "-dynamic", "media", "port", "mem_start", "io_addr", "irq", "outfill"],
  ...["keepalive", "tunnel", "inet6", "ax25", "netrom", "rose", "ipx", "ddp", "ec", "ash", "x25"],
];

/** One run that changes an interface: words from left to right, each done at once; errors add up. */
class Configuration {
  readonly #self: SystemProcess;
  readonly #kernel: Kernel;
  readonly #name: string;
  readonly #words: readonly string[];
  #at = 0;
  #status = 0;
  /** From `ADDRESS/LENGTH`: set when all else is done. */
  #lateMask: Ipv4 | undefined;
  #maskGiven = false;

  constructor(self: SystemProcess, name: string, words: readonly string[]) {
    this.#self = self;
    this.#kernel = self.kernel;
    this.#name = name;
    this.#words = words;
  }

  perform(): number {
    if (this.#words[0] === "inet") this.#at++;
    for (; this.#at < this.#words.length; this.#at++) this.#word(this.#words[this.#at] as string);
    if (this.#lateMask !== undefined) this.#ask("SIOCSIFNETMASK", setNetmask(this.#kernel, this.#name, this.#lateMask));
    return this.#status;
  }

  #word(word: string): void {
    const flag = FLAG_WORDS.get(word);
    if (flag !== undefined) return this.#flag(flag.change, flag.still, flag.is);
    const step = this.#steps[word];
    if (step !== undefined) return step();
    if (UNBUILT.includes(word)) throw new Stop(1, `ifconfig: ${word} is not built\n`);
    this.#address(word);
  }

  readonly #steps: Readonly<Record<string, () => void>> = {
    mtu: () => {
      const mtu = Number.parseInt(this.#next(), 10) || 0;
      const dev = this.#device();
      this.#ask("SIOCSIFMTU", dev === undefined ? NO_DEVICE : dev.mtu === mtu ? OK : dev.kernel.setMtu(dev, mtu));
    },
    txqueuelen: () => {
      const text = this.#next();
      if (!/^\d{1,9}$/.test(text)) throw usage();
      const dev = this.#device();
      if (dev !== undefined) dev.txQueueLength = Number(text);
      this.#ask("SIOCSIFTXQLEN", dev === undefined ? NO_DEVICE : OK);
    },
    name: () => {
      const name = this.#next().slice(0, NAME_MAX);
      const dev = this.#device();
      this.#ask("SIOCSIFNAME", dev === undefined ? NO_DEVICE : dev.kernel.rename(dev, name));
    },
    hw: () => this.#hardware(),
    netmask: () => {
      if (this.#maskGiven) throw usage();
      const mask = this.#resolve(this.#next());
      if (mask === undefined) return;
      this.#maskGiven = true;
      this.#ask("SIOCSIFNETMASK", setNetmask(this.#kernel, this.#name, mask));
    },
    broadcast: () => {
      if (this.#at + 1 < this.#words.length) {
        const address = this.#resolve(this.#next());
        if (address === undefined) return;
        this.#ask("SIOCSIFBRDADDR", setBroadcast(this.#kernel, this.#name, address));
      }
      this.#flag({});
    },
    dstaddr: () => this.#destination(),
    pointopoint: () => {
      if (this.#at + 1 < this.#words.length) this.#destination();
      this.#flag({});
    },
    pointtopoint: () => this.#steps["pointopoint"]?.(),
    add: () => this.#alias(true),
    del: () => this.#alias(false),
  };

  #next(): string {
    const word = this.#words[++this.#at];
    if (word === undefined) throw usage();
    return word;
  }

  /** The address that is named next; it is unknown: told, and counted. */
  #resolve(text: string): Ipv4 | undefined {
    const found = resolve(text);
    if (found === undefined) this.#fail(unknownHost(text));
    return found?.address;
  }

  #destination(): void {
    const peer = this.#resolve(this.#next());
    if (peer !== undefined) this.#ask("SIOCSIFDSTADDR", setDestination(this.#kernel, this.#name, peer));
  }

  #hardware(): void {
    const type = this.#next();
    if (type !== "ether") throw new Stop(STATUS_USAGE, `ifconfig: hw ${type} is not built\n`);
    const text = this.#next();
    const mac = parseEther(text);
    if (mac === undefined) return this.#fail(`${text}: invalid ether address.\n`);
    const dev = this.#device();
    this.#ask("SIOCSIFHWADDR", dev === undefined ? NO_DEVICE : changeMac(dev, mac));
  }

  /** An address, perhaps with the length of its prefix; the interface goes up with it. */
  #address(word: string): void {
    const slash = word.indexOf("/");
    const text = slash < 0 ? word : word.slice(0, slash);
    if (slash >= 0) {
      const length = /^\d{1,2}$/.test(word.slice(slash + 1)) ? Number(word.slice(slash + 1)) : 33;
      if (length > 32 || this.#maskGiven) throw usage();
      this.#lateMask = maskOf(length);
    }
    if (text.includes(":")) throw new Stop(1, `ifconfig: IPv6 (${text}) is not built\n`);
    const found = resolve(text);
    if (found === undefined) {
      throw new Stop(1, `${unknownHost(text)}ifconfig: \`--help' gives usage information.\n`);
    }
    this.#ask("SIOCSIFADDR", setAddress(this.#kernel, this.#name, found.address), (errno) => strerror(errno));
    const deletes = this.#name.includes(":") && (this.#name.endsWith("-") || found.address === 0);
    if (!deletes) this.#flag({ up: true });
  }

  /** `add` and `del`: an address under the first label that is free, with mask and broadcast address of the interface. */
  #alias(up: boolean): void {
    const text = this.#next();
    if (text.includes(":")) throw new Stop(1, `ifconfig: IPv6 (${text}) is not built\n`);
    const address = this.#resolve(text);
    if (address === undefined) return;
    const parent = labelled(this.#kernel, this.#name);
    if (this.#device() === undefined) return this.#fail(`Interface ${this.#name} not initialized\n`);
    const labels = interfaceNames(this.#kernel).filter((name) => name.startsWith(this.#name) && /:\d+$/.test(name));
    const known = labels.find((label) => labelled(this.#kernel, label)?.address === address);
    if (known !== undefined) {
      setLabelUp(this.#kernel, known, up);
      return;
    }
    const taken = new Set(labels.map((label) => Number(/\d+$/.exec(label)?.[0])));
    const free = Array.from({ length: 256 }, (_, i) => i).find((i) => !taken.has(i));
    const label = `${this.#name}:${free}`;
    if (free === undefined || label.length > NAME_MAX || !setAddress(this.#kernel, label, address).ok) return;
    setNetmask(this.#kernel, label, parent === undefined ? 0 : maskOf(parent.length));
    setBroadcast(this.#kernel, label, parent?.broadcast ?? 0);
  }

  /** ifconfig.c:set_flag, clr_flag and test_flag: of the device, or whether a label's address is there. */
  #flag(change: FlagChange, still?: string, is?: (dev: NetDevice) => boolean): void {
    const dev = this.#device();
    if (dev === undefined) {
      this.#self.err(`${this.#name}: ERROR while getting interface flags: ${strerror("ENODEV")}\n`);
      this.#status |= FLAG_FAILED;
      return;
    }
    const isLabel = this.#name.includes(":");
    const changed = isLabel ? setLabelUp(this.#kernel, this.#name, change.up ?? dev.up) : changeFlags(dev, change);
    if (!changed.ok) {
      this.#self.err(`SIOCSIFFLAGS: ${strerror(changed.errno)}\n`);
      this.#status |= FLAG_FAILED;
    }
    if (is?.(dev)) this.#self.err(`Warning: Interface ${this.#name} still in ${still} mode.\n`);
  }

  #device(): NetDevice | undefined {
    return deviceOf(this.#kernel, this.#name);
  }

  #ask(request: string, outcome: Outcome, words: (errno: Errno) => string = strerror): void {
    if (!outcome.ok) this.#fail(`${request}: ${words(outcome.errno)}\n`);
  }
  #fail(line: string): void {
    this.#self.err(line);
    this.#status |= FAILED;
  }
}

const OK: Outcome = { ok: true, value: undefined };
const NO_DEVICE: Outcome = { ok: false, errno: "ENODEV" };

/** A word that changes flags; after some the program looks whether the flag is `still` set. */
interface FlagWord {
  readonly change: FlagChange;
  readonly still?: string;
  readonly is?: (dev: NetDevice) => boolean;
}

const FLAG_WORDS: ReadonlyMap<string, FlagWord> = new Map<string, FlagWord>([
  ["up", { change: { up: true } }],
  ["down", { change: { up: false } }],
  ["arp", { change: { arp: true } }],
  ["-arp", { change: { arp: false } }],
  ["promisc", { change: { promisc: true } }],
  ["-promisc", { change: { promisc: false } }],
  ["multicast", { change: { multicast: true } }],
  ["-multicast", { change: { multicast: false } }],
  ["allmulti", { change: { allmulti: true } }],
  ["-allmulti", { change: { allmulti: false } }],
  ["-broadcast", { change: {}, still: "BROADCAST", is: (dev) => dev.headerLength > 0 && dev !== dev.kernel.loopback }],
  ["-pointopoint", { change: {}, still: "POINTOPOINT", is: (dev) => dev.headerLength === 0 }],
  ["-pointtopoint", { change: {}, still: "POINTOPOINT", is: (dev) => dev.headerLength === 0 }],
]);

const usage = (): Stop => new Stop(STATUS_USAGE, USAGE);

const USAGE = `Usage:
  ifconfig [-a] [-v] [-s] <interface> [[inet] <address>[/<prefixlen>]]
  [add <address>]
  [del <address>]
  [[-]broadcast [<address>]]  [[-]pointopoint [<address>]]
  [netmask <address>]  [dstaddr <address>]
  [hw ether <address>]  [mtu <NN>]
  [[-]arp]  [[-]allmulti]
  [[-]multicast]  [[-]promisc]
  [txqueuelen <NN>]
  [name <newname>]
  [up|down] ...

`;
