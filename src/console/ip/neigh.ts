import { formatIp, formatMac, type Ipv4, maskOf } from "../../core/addr.ts";
import { refused } from "../../core/errno.ts";
import { S } from "../../core/time.ts";
import type { Neighbour, NeighState } from "../../nodes/kernel/neigh.ts";
import {
  addProxyNeighbour,
  deleteNeighbour,
  deleteProxyNeighbour,
  type ProxyNeighbour,
  proxyNeighbours,
  setNeighbour,
} from "../../nodes/kernel/neigh-admin.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { Args, abbreviates } from "./args.ts";
import { deviceNamed, type Ip, nameOf } from "./context.ts";
import { answer, duplicate, failure, garbage, notBuilt, usage, wrong } from "./exit.ts";
import {
  type LinkAddress,
  type PrefixArgument,
  parseAddress,
  parseLinkAddress,
  parsePrefix,
  parseUnsigned,
} from "./values.ts";

/** `ip neigh` (ip/ipneigh.c:do_ipneigh). */
export function neigh(ip: Ip, args: Args): void {
  if (!args.more) return list(ip, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return modify(ip, rest, "add");
  if (args.abbreviates("change") || args.is("chg")) return modify(ip, rest, "change");
  if (args.abbreviates("replace")) return modify(ip, rest, "replace");
  if (args.abbreviates("delete")) return modify(ip, rest, "delete");
  if (args.abbreviates("get")) return get(ip, rest);
  if (args.abbreviates("show", "lst", "list")) return list(ip, rest);
  if (args.abbreviates("flush")) return flush(ip, rest);
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip neigh help".`);
}

const STATES: readonly NeighState[] = [
  "incomplete",
  "reachable",
  "stale",
  "delay",
  "probe",
  "failed",
  "noarp",
  "permanent",
  "none",
];

/** Bit by bit: NUD_INCOMPLETE is 1. */
const NUMBERED = STATES.slice(0, 8);

/** A state by name, of which three may be abbreviated, or by its number: a single bit (ip/ipneigh.c:nud_state_a2n). */
function readState(text: string): NeighState | undefined {
  const number = parseUnsigned(text);
  if (number !== undefined) return number === 0 ? "none" : NUMBERED[Math.log2(number)];
  const short = (["permanent", "reachable"] as const).find((state) => abbreviates(text, state));
  if (short !== undefined) return short;
  return STATES.find((state) => state === text) ?? (abbreviates(text, "failed") ? "failed" : undefined);
}

/** What a request about one neighbour says. */
interface Request {
  to?: Ipv4;
  dev?: string;
  proxy: boolean;
  lladdr?: string;
  state?: NeighState;
}

/** ip/ipneigh.c:ipneigh_modify. */
function modify(ip: Ip, args: Args, mode: "add" | "change" | "replace" | "delete"): void {
  const r = readRequest(ip, args);
  const { to } = r;
  if (to === undefined || (r.dev === undefined && !r.proxy)) {
    throw usage("Device and destination are required arguments.");
  }
  const address = r.lladdr === undefined || r.lladdr === "null" ? undefined : parseLinkAddress(r.lladdr);
  const dev = r.dev === undefined ? undefined : deviceNamed(ip, r.dev);
  const { kernel } = ip;
  if (r.proxy) {
    if (mode === "delete") answer(deleteProxyNeighbour(kernel, dev, to));
    else {
      if (dev !== undefined) checkLinkAddress(address);
      addProxyNeighbour(kernel, dev, to);
    }
    return;
  }
  if (mode === "delete") return answer(deleteNeighbour(kernel, dev as NetDevice, to));
  checkLinkAddress(address);
  const mac = address === undefined ? {} : { mac: address.value };
  const state = r.state === undefined ? {} : { state: r.state };
  answer(setNeighbour(kernel, dev as NetDevice, { ip: to, ...mac, ...state }, mode));
}

function checkLinkAddress(address: LinkAddress | undefined): void {
  if (address !== undefined && address.octets < 6) answer(refused("EINVAL", "Invalid link address"));
}

function readRequest(ip: Ip, args: Args): Request {
  const { family } = ip.options;
  const r: Request = { proxy: false };
  for (; args.more; args.step()) {
    if (args.abbreviates("lladdr")) {
      if (r.lladdr !== undefined) throw duplicate("lladdr", args.next());
      r.lladdr = args.next();
    } else if (args.is("nud")) {
      r.state = readState(args.next());
      if (r.state === undefined) throw wrong("nud state is bad", args.word);
    } else if (args.abbreviates("proxy")) {
      args.next();
      if (args.abbreviates("help")) throw usage(USAGE);
      if (r.to !== undefined) throw duplicate("address", args.word);
      r.to = parseAddress(args.word, family);
      r.proxy = true;
    } else if (args.is("dev")) r.dev = args.next();
    else if (isUnbuilt(args)) throw notBuilt(`"${args.word}"`);
    else {
      if (args.is("to")) args.next();
      if (args.abbreviates("help")) throw usage(USAGE);
      if (r.to !== undefined) throw garbage("to", args.word);
      r.to = parseAddress(args.word, family);
    }
  }
  return r;
}

const isUnbuilt = (args: Args): boolean =>
  args.is("router", "use", "managed") || args.abbreviates("extern_learn", "protocol");

/** Which neighbours are wanted. */
interface Filter {
  dev?: string;
  ifindex: number;
  states: Set<NeighState>;
  proxy: boolean;
  to?: PrefixArgument;
  unused: boolean;
}

/** ip/ipneigh.c:do_show_or_flush. `states`: those that are meant when none is named. */
function readFilter(ip: Ip, args: Args, states: readonly NeighState[], all: readonly NeighState[]): Filter {
  const f: Filter = { ifindex: 0, states: new Set(states), proxy: false, unused: false };
  let named = false;
  for (; args.more; args.step()) {
    if (args.is("dev")) {
      if (f.dev !== undefined) throw duplicate("dev", args.next());
      f.dev = args.next();
    } else if (args.is("nud")) {
      const state = readState(args.next());
      if (state === undefined && args.word !== "all") throw wrong("nud state is bad", args.word);
      if (!named) f.states.clear();
      named = true;
      for (const each of state === undefined ? all : [state]) f.states.add(each);
    } else if (args.is("proxy")) f.proxy = true;
    else if (args.is("unused")) f.unused = true;
    else if (args.is("master", "vrf", "nomaster") || args.abbreviates("protocol")) throw notBuilt(`"${args.word}"`);
    else {
      if (args.is("to")) args.next();
      if (args.abbreviates("help")) throw usage(USAGE);
      f.to = parsePrefix(args.word, ip.options.family);
    }
  }
  if (f.dev !== undefined) f.ifindex = deviceNamed(ip, f.dev).ifindex;
  return f;
}

function passes(f: Filter, ifindex: number, address: Ipv4): boolean {
  if (f.ifindex !== 0 && ifindex !== f.ifindex) return false;
  return f.to === undefined || ((address ^ f.to.address) & maskOf(f.to.length)) === 0;
}

const wanted = (ip: Ip, f: Filter): Neighbour[] =>
  [...ip.kernel.neigh.entries()].filter(
    (n) => f.states.has(n.state) && passes(f, n.dev.ifindex, n.ip) && !(f.unused && references(n) > 0),
  );

function list(ip: Ip, args: Args): void {
  const f = readFilter(
    ip,
    args,
    STATES.filter((state) => state !== "noarp" && state !== "none"),
    STATES,
  );
  const { out } = ip;
  out.begin();
  if (f.proxy) {
    for (const p of proxyNeighbours(ip.kernel)) if (passes(f, p.ifindex, p.ip)) putProxy(ip, p, f);
  } else for (const n of wanted(ip, f)) putNeighbour(ip, n, f.ifindex === 0);
  out.end();
}

function flush(ip: Ip, args: Args): void {
  if (!args.more) throw failure("Flush requires arguments.");
  const notNoArp = STATES.filter((state) => state !== "noarp");
  const f = readFilter(
    ip,
    args,
    notNoArp.filter((state) => state !== "permanent"),
    notNoArp,
  );
  if (f.proxy) throw notBuilt("flushing proxy entries");
  const { out, options, kernel } = ip;
  for (let round = 0; ; round++) {
    const doomed = wanted(ip, f);
    if (options.stats > 1) for (const n of doomed) putNeighbour(ip, n, f.ifindex === 0);
    if (doomed.length === 0) {
      const complete = `*** Flush is complete after ${round} round${round > 1 ? "s" : ""} ***\n`;
      if (options.stats > 0) out.text(round === 0 ? "Nothing to flush.\n" : complete);
      return out.flush();
    }
    for (const n of doomed) kernel.neigh.remove(n);
    if (options.stats > 0) out.text(`\n*** Round ${round + 1}, deleting ${doomed.length} entries ***\n`);
  }
}

/** `ip neigh get ADDRESS dev DEV`: as text, whatever the format. */
function get(ip: Ip, args: Args): void {
  const r = readRequest(ip, args);
  if (r.to === undefined || (r.dev === undefined && !r.proxy)) {
    throw failure("Device and address are required arguments.");
  }
  if (r.proxy) throw notBuilt("ip neigh get proxy");
  const n = ip.kernel.neigh.find(deviceNamed(ip, r.dev as string), r.to);
  if (n === undefined) return answer(refused("ENOENT", "Neighbour entry not found"));
  putNeighbour(ip, n, true);
  ip.out.flush();
}

/** ip/ipneigh.c:print_neigh. */
function putNeighbour(ip: Ip, n: Neighbour, withDevice: boolean): void {
  const { out, options } = ip;
  const { brief } = options;
  out.object();
  const address = formatIp(n.ip);
  out.put("dst", address, brief ? `${address.padEnd(39)} ` : `${address} `);
  if (withDevice) out.put("dev", n.dev.name, brief ? `${n.dev.name.padEnd(16)} ` : `dev ${n.dev.name} `);
  if (n.valid && n.dev.headerLength !== 0) {
    const mac = formatMac(n.mac);
    out.put("lladdr", mac, brief ? mac : `lladdr ${mac} `);
  }
  if (!brief) {
    if (options.stats > 0) putTimes(ip, n);
    if (n.state !== "none") {
      out.array("state");
      out.item(n.state.toUpperCase(), `${n.state.toUpperCase()} `);
      out.endArray();
    }
  }
  out.text("\n");
  out.endObject();
}

/** Who holds on to an entry: its timer. */
const references = (n: Neighbour): number =>
  n.state === "incomplete" || n.state === "reachable" || n.state === "delay" || n.state === "probe" ? 1 : 0;

/** Seconds since it was used, confirmed, updated. */
function putTimes(ip: Ip, n: Neighbour): void {
  const { out, kernel } = ip;
  const ago = (at: number): number => Math.max(0, Math.floor((kernel.sim.now - at) / S));
  if (references(n) > 0) out.put("refcnt", references(n), ` ref ${references(n)}`);
  out.put("used", ago(n.usedAt), ` used ${ago(n.usedAt)}`);
  out.put("confirmed", ago(n.confirmedAt), `/${ago(n.confirmedAt)}`);
  out.put("updated", ago(n.updatedAt), `/${ago(n.updatedAt)}`);
  out.put("probes", n.probes, `probes ${n.probes} `);
}

function putProxy(ip: Ip, p: ProxyNeighbour, f: Filter): void {
  const { out, options } = ip;
  const { brief } = options;
  out.object();
  const address = formatIp(p.ip);
  out.put("dst", address, brief ? `${address.padEnd(39)} ` : `${address} `);
  const name = nameOf(ip.kernel, p.ifindex);
  if (f.ifindex === 0 && p.ifindex !== 0) out.put("dev", name, brief ? `${name.padEnd(16)} ` : `dev ${name} `);
  if (!brief) out.put("proxy", null, "proxy ");
  out.text("\n");
  out.endObject();
}

const USAGE = [
  "Usage: ip neigh { add | del | change | replace } { ADDRESS [ lladdr LLADDR ] [ nud STATE ] | proxy ADDRESS } [ dev DEV ]",
  "       ip neigh { show | flush } [ proxy ] [ to PREFIX ] [ dev DEV ] [ nud STATE ]",
  "       ip neigh get ADDRESS dev DEV",
  "STATE := { delay | failed | incomplete | noarp | none | permanent | probe | reachable | stale }",
].join("\n");
