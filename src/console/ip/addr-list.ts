import { formatIp, maskOf } from "../../core/addr.ts";
import { NEVER, S } from "../../core/time.ts";
import type { Ifaddr } from "../../nodes/kernel/address-routes.ts";
import { scopeName, scopeNumber } from "../../nodes/kernel/fib/names.ts";
import type { NetDevice } from "../../nodes/kernel/netdev.ts";
import { ADDRESS_FLAGS, type FlagFilter, flagsOf, PERMANENT, readFlagFilter, wantsPrimary } from "./addr-flags.ts";
import type { Args } from "./args.ts";
import { complain, type Ip, nameOf } from "./context.ts";
import { answer, Exit, failure, wrong } from "./exit.ts";
import { everyLink, type LinkSelection, readSelected, readSelection, selectedIndex } from "./link-list.ts";
import { isDumped, isWanted, putLink } from "./link-show.ts";
import { putStats } from "./link-stats.ts";
import { type Family, isAnyWord, type PrefixArgument, parsePrefix } from "./values.ts";

/** Which addresses are wanted, on which devices. */
interface AddressFilter extends FlagFilter {
  links: LinkSelection;
  family: Family;
  /** Undefined: any. */
  scope: number | undefined;
  /** A pattern of the shell. */
  label: string | undefined;
  to: PrefixArgument | undefined;
}

/** Lifetimes are told in seconds; this one is for ever. */
const FOREVER = 0xffff_ffff;

function readFilter(ip: Ip, args: Args): AddressFilter {
  const links = { ...everyLink() };
  const f: AddressFilter = {
    links,
    family: ip.options.family,
    scope: undefined,
    label: undefined,
    to: undefined,
    flags: 0,
    mask: 0,
  };
  for (; args.more; args.step()) {
    if (args.is("to")) {
      readRange(f, args.next());
    } else if (args.is("scope")) {
      const text = args.next();
      f.scope = scopeNumber(text);
      if (f.scope === undefined && text !== "all") throw wrong('invalid "scope"\n', text);
    } else if (args.is("up")) links.up = true;
    else if (readFlagFilter(f, args.word)) continue;
    else if (args.is("label")) f.label = args.next();
    else if (!readSelection(ip, links, args)) readSelected(links, args, USAGE);
  }
  links.ifindex = selectedIndex(ip, links.dev);
  return f;
}

/** Where addresses lie. `default` says nothing, not even what family they are of. */
function readRange(f: AddressFilter, text: string): void {
  const to = parsePrefix(text, f.family);
  if (f.family === "" && isAnyWord(text)) return;
  f.to = to;
  f.family = "inet";
}

/** `ip addr show`: devices with their addresses (ip/ipaddress.c:ipaddr_list_flush_or_save). */
export function listAddresses(ip: Ip, args: Args): void {
  const f = readFilter(ip, args);
  const { out, kernel, options } = ip;
  const { links } = f;
  const devices = [...kernel.devices()].filter((dev) =>
    links.ifindex === 0 ? isDumped(dev, links) : dev.ifindex === links.ifindex,
  );
  out.begin();
  for (const dev of devices) {
    if (f.family !== "link" && !hasWanted(ip, dev, f)) continue;
    out.object();
    putDevice(ip, dev, f, options.brief || !options.oneline || f.family === "link");
    out.endObject();
  }
  out.end();
}

/** A device is told of when an address passes, or when it has none and any family will do (ip/ipaddress.c:ipaddr_filter). */
function hasWanted(ip: Ip, dev: NetDevice, f: AddressFilter): boolean {
  const list = ip.kernel.addresses.list(dev.ifindex);
  return list.length === 0 ? f.family === "" : list.some((a) => passes(a, f));
}

function putDevice(ip: Ip, dev: NetDevice, f: AddressFilter, withLink: boolean): void {
  const { out, options } = ip;
  const near = !f.links.up || dev.up; // and nothing more is asked of the device where a label is given
  const wanted = !withLink || (f.label === undefined ? isWanted(dev, f.links) : near);
  const showsLink = withLink && wanted && f.label === undefined;
  if (showsLink) putLink(ip, dev, { links: false, family: f.family });
  if (wanted && f.family !== "link") putAddresses(ip, dev, f);
  if (showsLink && !options.brief && options.stats > 0) {
    putStats(ip, dev);
    out.newline();
  }
}

function putAddresses(ip: Ip, dev: NetDevice, f: AddressFilter): void {
  const { out, kernel, options } = ip;
  out.array("addr_info");
  for (const a of kernel.addresses.list(dev.ifindex)) {
    if (f.links.up && !dev.up) continue;
    out.object();
    if (passes(a, f)) putAddress(ip, a, options.oneline);
    out.endObject();
  }
  out.endArray();
  if (options.brief) out.text("\n");
}

function passes(a: Ifaddr, f: AddressFilter): boolean {
  if (f.scope !== undefined && a.scope !== f.scope) return false;
  if (((f.flags ^ flagsOf(a)) & f.mask) !== 0) return false;
  if (f.label !== undefined && !globMatches(f.label, a.label)) return false;
  return f.to === undefined || ((a.address ^ f.to.address) & maskOf(f.to.length)) === 0;
}

/** ip/ipaddress.c:print_addrinfo. */
function putAddress(ip: Ip, a: Ifaddr, named: boolean): void {
  const { out, kernel, options } = ip;
  if (!options.brief) {
    if (named) {
      const dev = nameOf(kernel, a.ifindex);
      out.field("index", a.ifindex);
      out.field("dev", dev);
      out.text(`${a.ifindex}: ${dev}`);
    }
    out.put("family", "inet", "    inet ");
  }
  const local = formatIp(a.address);
  out.put("local", local, local);
  if (a.peer !== a.address && a.peer !== 0) {
    out.text(" peer ");
    out.put("address", formatIp(a.peer), formatIp(a.peer));
  }
  out.put("prefixlen", a.length, `/${a.length} `);
  if (a.metric !== 0) out.put("metric", a.metric, `metric ${a.metric} `);
  if (options.brief) return;
  if (a.broadcast !== 0) {
    out.text("brd ");
    out.put("broadcast", formatIp(a.broadcast), `${formatIp(a.broadcast)} `);
  }
  out.put("scope", scopeName(a.scope), `scope ${scopeName(a.scope)} `);
  putFlags(ip, a);
  out.put("label", a.label, a.label);
  out.newline();
  out.text("       valid_lft ");
  putLifetime(ip, "valid_life_time", a.validUntil);
  out.text(" preferred_lft ");
  putLifetime(ip, "preferred_life_time", a.preferredUntil);
  out.text("\n");
}

function putFlags(ip: Ip, a: Ifaddr): void {
  const { out } = ip;
  let flags = flagsOf(a);
  for (const { name, bit } of ADDRESS_FLAGS) {
    if (bit === PERMANENT) {
      if ((flags & bit) === 0) out.put("dynamic", true, "dynamic ");
    } else if ((flags & bit) !== 0) out.put(name, true, `${name} `);
    flags &= ~bit;
  }
}

function putLifetime(ip: Ip, key: string, until: number): void {
  const left = until === NEVER ? FOREVER : Math.max(0, Math.floor((until - ip.kernel.sim.now) / S));
  ip.out.put(key, left, until === NEVER ? "forever" : `${left}sec`);
}

/** `ip addr flush`: deletes what passes, round by round, since deleting an address may make a primary one of another. */
export function flushAddresses(ip: Ip, args: Args): void {
  if (!args.more) throw failure("Flush requires arguments.");
  if (ip.options.family === "link") throw failure("Cannot flush link addresses.");
  const f = readFilter(ip, args);
  const { out, options } = ip;
  for (let round = 0; options.loops === 0 || round < options.loops; round++) {
    const count = flushRound(ip, f);
    const last = count > 0 && wantsPrimary(f);
    if (count > 0 && options.stats > 0) out.text(`\n*** Round ${round + 1}, deleting ${count} addresses ***\n`);
    if (count > 0 && !last) continue;
    const rounds = last ? round + 1 : round;
    if (options.stats > 0) {
      const complete = `*** Flush is complete after ${rounds} round${rounds > 1 ? "s" : ""} ***\n`;
      out.text(rounds === 0 ? "Nothing to flush.\n" : complete);
    }
    return;
  }
  complain(ip, `*** Flush remains incomplete after ${options.loops} rounds. ***`);
  throw new Exit(1, "");
}

/** Deletes every address that passes; one that went with another is no error. */
function flushRound(ip: Ip, f: AddressFilter): number {
  const { addresses } = ip.kernel;
  const doomed = addresses
    .list()
    .filter((a) => (f.links.ifindex === 0 || a.ifindex === f.links.ifindex) && passes(a, f));
  for (const a of doomed) {
    if (ip.options.stats > 1) putAddress(ip, a, true);
    const removed = addresses.remove(a.ifindex, a.address, a.length, { peer: a.peer, label: a.label });
    if (!removed.ok && removed.errno !== "EADDRNOTAVAIL") answer(removed);
  }
  return doomed.length;
}

/** fnmatch(3) without flags: `*`, `?`, `[…]`. */
function globMatches(pattern: string, text: string): boolean {
  const source = pattern.replace(/\[!?[^\]]*\]|[\s\S]/g, (part) => {
    if (part === "*") return "[\\s\\S]*";
    if (part === "?") return "[\\s\\S]";
    if (part.length > 1) return `[${part.slice(1, -1).replace(/^!/, "^").replace(/\\/g, "\\\\")}]`;
    return part.replace(/[.+^${}()|[\]\\/]/, "\\$&");
  });
  return new RegExp(`^${source}$`).test(text);
}

const USAGE = 'Usage: try "ip address help"';
