import { broadcastOf, type Ipv4, isLoopback, networkOf } from "../../core/addr.ts";
import { refused } from "../../core/errno.ts";
import type { Ifaddr } from "../../nodes/kernel/address-routes.ts";
import { covers } from "../../nodes/kernel/address-routes.ts";
import type { AddressSpec } from "../../nodes/kernel/addresses.ts";
import { scopeNumber } from "../../nodes/kernel/fib/names.ts";
import { SCOPE_GLOBAL, SCOPE_HOST } from "../../nodes/kernel/fib/route.ts";
import { ADDRESS_FLAGS, readFlag } from "./addr-flags.ts";
import { flushAddresses, listAddresses } from "./addr-list.ts";
import { Args, type Option, option, readOptions, unbuilt } from "./args.ts";
import { complain, deviceNamed, type Ip } from "./context.ts";
import { answer, duplicate, failure, garbage, notBuilt, usage, wrong } from "./exit.ts";
import { type Family, type PrefixArgument, parseAddress, parsePrefix, parseUnsigned } from "./values.ts";

/** `ip addr` (ip/ipaddress.c:do_ipaddr). */
export function addr(ip: Ip, args: Args): void {
  if (!args.more) return listAddresses(ip, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("add")) return add(ip, rest, "add");
  if (args.abbreviates("change", "replace") || args.is("chg")) return add(ip, rest, "replace");
  if (args.abbreviates("delete")) return remove(ip, rest);
  if (args.abbreviates("list", "show", "lst")) return listAddresses(ip, rest);
  if (args.abbreviates("flush")) return flushAddresses(ip, rest);
  for (const other of ["save", "showdump", "restore"])
    if (args.abbreviates(other)) throw notBuilt(`ip address ${other}`);
  if (args.abbreviates("help")) throw usage(ADDR_USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip address help".`);
}

/** What a request about an address says. */
interface Draft {
  readonly ip: Ip;
  /** Of every address behind the first. */
  family: Family;
  local?: PrefixArgument;
  /** The address as it was typed. */
  localText: string;
  peer?: PrefixArgument;
  broadcast?: Ipv4 | "+" | "-";
  scope?: number;
  dev?: string;
  label?: string;
  metric?: number;
  noPrefixRoute: boolean;
}

const OPTIONS: readonly Option<Draft>[] = [
  option("=peer|=remote", (a, args) => {
    const text = args.next();
    if (a.peer !== undefined) throw duplicate("peer", text);
    a.peer = parsePrefix(text, a.family);
    a.family = "inet";
  }),
  option("broadcast|=brd", (a, args) => {
    const text = args.next();
    if (a.broadcast !== undefined) throw duplicate("broadcast", text);
    a.broadcast = text === "+" || text === "-" ? text : parseAddress(text, a.family);
    if (text === a.broadcast) return;
    a.family = "inet";
  }),
  unbuilt("=anycast"),
  option("=scope", (a, args) => {
    const text = args.next();
    a.scope = scopeNumber(text);
    if (a.scope === undefined) throw wrong("invalid scope value.", text);
  }),
  option("=dev", (a, args) => (a.dev = args.next())),
  option("=label", (a, args) => (a.label = args.next())),
  option("metric|priority|preference", (a, args) => {
    a.metric = parseUnsigned(args.next());
    if (a.metric === undefined) throw wrong('"metric" value is invalid\n', args.word);
  }),
  option("valid_lft|preferred_lft", (_, args) => {
    const name = args.word;
    const text = args.next();
    if (text === "forever") return;
    if (parseUnsigned(text) === undefined) throw wrong(`${name} value`, text);
    throw notBuilt(`"${name}" other than forever`);
  }),
  { matches: (word) => ADDRESS_FLAGS.some((flag) => flag.name === word), read: readAddressFlag },
];

function readAddressFlag(a: Draft, args: Args): void {
  const flag = readFlag(args.word);
  if (flag?.readonly) complain(a.ip, `Warning: ${flag.name} option is not mutable from userspace`);
  else if (flag?.v6only) complain(a.ip, `Warning: ${flag.name} option can be set only for IPv6 addresses`);
  else if (args.is("noprefixroute")) a.noPrefixRoute = true;
  else throw notBuilt(`"${args.word}"`);
}

/** ip/ipaddress.c:ipaddr_modify. */
function read(ip: Ip, args: Args): Draft & { readonly dev: string } {
  const a: Draft = { ip, family: ip.options.family, localText: "", noPrefixRoute: false };
  readOptions(args, OPTIONS, a, (draft, words) => {
    if (words.is("local")) words.next();
    if (words.abbreviates("help")) throw usage(ADDR_USAGE);
    if (draft.local !== undefined) throw garbage("local", words.word);
    draft.localText = words.word;
    draft.local = parsePrefix(words.word, draft.family);
    draft.family = "inet";
  });
  const { dev } = a;
  if (dev === undefined) throw failure('Not enough information: "dev" argument is required.');
  return { ...a, dev };
}

function add(ip: Ip, args: Args, mode: "add" | "replace"): void {
  const a = read(ip, args);
  const peer = a.peer ?? a.local;
  if ((a.broadcast === "+" || a.broadcast === "-") && peer === undefined) {
    throw failure("Broadcast can be set only for IPv4 addresses");
  }
  const dev = deviceNamed(ip, a.dev);
  if (a.local === undefined) {
    answer(
      a.peer === undefined
        ? refused("EOPNOTSUPP") /* it has no family */
        : refused("EINVAL", "ipv4: Local address is not supplied"),
    );
  }
  const local = a.local as PrefixArgument;
  const length = (a.peer ?? local).length || local.length;
  const spec: AddressSpec = {
    address: local.address,
    length,
    scope: a.scope ?? (isLoopback(local.address) ? SCOPE_HOST : SCOPE_GLOBAL),
    noPrefixRoute: a.noPrefixRoute,
    ...(a.peer === undefined ? {} : { peer: a.peer.address }),
    ...broadcastSpec(a.broadcast, peer as PrefixArgument),
    ...(a.label === undefined ? {} : { label: a.label }),
    ...(a.metric === undefined ? {} : { metric: a.metric }),
  };
  answer(dev.kernel.addresses.add(dev.ifindex, spec, mode));
}

/** `+` sets the host bits of the subnet, `-` clears them; subnets of one or two addresses have neither. */
function broadcastSpec(wanted: Draft["broadcast"], { address, length }: PrefixArgument): { broadcast?: Ipv4 } {
  if (wanted === undefined) return {};
  if (wanted !== "+" && wanted !== "-") return { broadcast: wanted };
  if (length > 30) return {};
  return { broadcast: wanted === "+" ? broadcastOf(address, length) : networkOf(address, length) };
}

function remove(ip: Ip, args: Args): void {
  const a = read(ip, args);
  const wildcard = a.peer === undefined && a.local !== undefined && !a.local.specified;
  if (wildcard) for (const line of wildcardWarning(a.localText)) complain(ip, line);
  const dev = deviceNamed(ip, a.dev);
  if (a.local === undefined && a.peer === undefined) answer(refused("EOPNOTSUPP")); // it has no family
  const { addresses } = dev.kernel;
  const subnet = a.peer ?? (wildcard ? undefined : a.local);
  const fits = (b: Ifaddr): boolean =>
    subnet === undefined || (b.length === subnet.length && covers(b, subnet.address));
  // Without a local address the first of the device that fits goes.
  const local = a.local?.address ?? addresses.list(dev.ifindex).find(fits)?.address ?? 0;
  answer(
    addresses.remove(dev.ifindex, local, subnet?.length, {
      ...(subnet === undefined ? {} : { peer: subnet.address }),
      ...(a.label === undefined ? {} : { label: a.label }),
    }),
  );
}

const wildcardWarning = (text: string): readonly string[] => [
  "Warning: Executing wildcard deletion to stay compatible with old scripts.",
  `         Explicitly specify the prefix length (${text}/32) to avoid this warning.`,
  "         This special behaviour is likely to disappear in further releases,",
  "         fix your scripts!",
];

export const ADDR_USAGE = [
  "Usage: ip address { add | change | replace } ADDRESS[/LENGTH] dev DEV [ peer ADDRESS[/LENGTH] ]",
  "                  [ broadcast { ADDRESS | + | - } ] [ label LABEL ] [ scope SCOPE ] [ metric METRIC ] [ noprefixroute ]",
  "       ip address del ADDRESS[/LENGTH] dev DEV",
  "       ip address flush [ dev DEV ] [ scope SCOPE ] [ to PREFIX ] [ FLAG ] [ label PATTERN ] [ up ]",
  "       ip address [ show [ dev DEV ] [ scope SCOPE ] [ master DEV | nomaster ] [ type TYPE ] [ to PREFIX ] [ FLAG ]",
  "                         [ label PATTERN ] [ up ] ]",
  "FLAG := { permanent | dynamic | secondary | primary | [-]deprecated | noprefixroute }",
].join("\n");
