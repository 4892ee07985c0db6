import { formatIp, networkOf } from "../../core/addr.ts";
import { protocolName, protocolNumber, tableName, tableNumber } from "../../nodes/kernel/fib/names.ts";
import { PROTOCOL_KERNEL } from "../../nodes/kernel/fib/route.ts";
import type { Rule, RuleAction, RuleSpec } from "../../nodes/kernel/fib/rules.ts";
import { Args, type Option, option, readOptions, unbuilt } from "./args.ts";
import type { Ip } from "./context.ts";
import { answer, failure, notBuilt, usage, wrong } from "./exit.ts";
import { isDeviceName } from "./link-request.ts";
import { dsfieldName, dsfieldNumber, routeType } from "./names.ts";
import { type PrefixArgument, parseInteger, parsePrefix, parseUnsigned } from "./values.ts";

/** `ip rule` (ip/iprule.c:do_iprule). */
export function rule(ip: Ip, args: Args): void {
  if (!args.more) return list(ip, args);
  const rest = new Args(args.rest.slice(1));
  if (args.abbreviates("list", "lst", "show")) return list(ip, rest);
  for (const other of ["save", "restore"]) if (args.abbreviates(other)) throw notBuilt(`ip rule ${other}`);
  if (args.abbreviates("add")) return modify(ip, rest, "add");
  if (args.abbreviates("delete")) return modify(ip, rest, "del");
  if (args.abbreviates("flush")) return flush(ip, rest);
  if (args.abbreviates("help")) throw usage(USAGE);
  throw usage(`Command "${args.word}" is unknown, try "ip rule help".`);
}

type Draft = { -readonly [K in keyof RuleSpec]?: RuleSpec[K] } & { readonly ip: Ip };

const U32 = 0xffff_ffff;

const OPTIONS: readonly Option<Draft>[] = [
  option("=not", (r) => (r.not = true)),
  option("=from", (r, args) => {
    const p = parsePrefix(args.next(), r.ip.options.family);
    r.from = p.address;
    r.fromLength = p.length;
  }),
  option("=to", (r, args) => {
    const p = parsePrefix(args.next(), r.ip.options.family);
    r.to = p.address;
    r.toLength = p.length;
  }),
  option("preference|order|priority", (r, args) => {
    r.priority = parseUnsigned(args.next());
    if (r.priority === undefined) throw wrong("preference value is invalid\n", args.word);
  }),
  option("=tos|dsfield", (r, args) => {
    r.tos = dsfieldNumber(args.next());
    if (r.tos === undefined) throw wrong("TOS value is invalid\n", args.word);
  }),
  option("=fwmark", (r, args) => {
    const { mark, mask } = readMark(args.next());
    r.mark = mark;
    if (mask !== undefined) r.markMask = mask;
  }),
  unbuilt("realms"),
  option("protocol", (r, args) => {
    r.protocol = protocolNumber(args.next());
    if (r.protocol === undefined) throw wrong('"protocol" value is invalid\n', args.word);
  }),
  unbuilt("tun_id"),
  option("table|=lookup", (r, args) => {
    r.table = tableNumber(args.next());
    if (r.table === undefined) throw wrong("invalid table ID\n", args.word);
  }),
  option("suppress_prefixlength|=sup_pl", (r, args) => {
    const length = parseInteger(args.next());
    if (length === undefined || length < 0) throw wrong("suppress_prefixlength value is invalid\n", args.word);
    r.suppressPrefixLength = length;
  }),
  unbuilt("suppress_ifgroup|=sup_group"),
  option("=dev|=iif", (r, args) => {
    r.iif = args.next();
    if (!isDeviceName(r.iif)) throw wrong('"iif"/"dev" not a valid ifname', r.iif);
  }),
  option("=oif", (r, args) => {
    r.oif = args.next();
    if (!isDeviceName(r.oif)) throw wrong('"oif" not a valid ifname', r.oif);
  }),
  unbuilt("=l3mdev|=uidrange|=nat|map-to|=ipproto|=sport|=dport"),
];

function modify(ip: Ip, args: Args, mode: "add" | "del"): void {
  if (!args.more) throw failure(`"ip rule ${mode}" requires arguments.`);
  const draft: Draft = { ip };
  readOptions(args, OPTIONS, draft, readAction);
  const { ip: _, ...spec } = draft;
  // Linux would make a table for it.
  if (mode === "add" && spec.action === "table" && spec.table === undefined)
    throw notBuilt('"unicast" without "table"');
  const { fib } = ip.kernel;
  answer(mode === "add" ? fib.addRule(spec) : fib.deleteRule(spec));
}

/** `[type] { goto NUMBER | nop | blackhole | … }`. */
function readAction(r: Draft, args: Args): void {
  if (args.is("type")) args.next();
  if (args.abbreviates("help")) throw usage(USAGE);
  if (args.abbreviates("goto")) {
    r.action = "goto";
    r.goto = parseUnsigned(args.next());
    if (r.goto === undefined) throw wrong("invalid target\n", args.word);
  } else if (args.abbreviates("nop")) r.action = "nop";
  else {
    const type = routeType(args.word);
    if (type === undefined) throw wrong("Failed to parse rule type", args.word);
    r.action = type === "unicast" ? "table" : actionOf(type);
  }
}

function actionOf(type: string): RuleAction {
  if (type === "blackhole" || type === "unreachable" || type === "prohibit") return type;
  throw notBuilt(`a rule of type ${type}`);
}

/** `MARK` or `MARK/MASK`. */
function readMark(text: string): { readonly mark: number; readonly mask: number | undefined } {
  const slash = text.indexOf("/");
  const head = slash < 0 ? text : text.slice(0, slash);
  const mark = parseUnsigned(head);
  if (mark === undefined) throw wrong("fwmark value is invalid\n", head);
  if (slash < 0) return { mark, mask: undefined };
  const mask = parseUnsigned(text.slice(slash + 1));
  if (mask === undefined) throw wrong("fwmask value is invalid\n", text.slice(slash + 1));
  return { mark, mask };
}

/** Which rules are wanted. */
interface Filter {
  readonly ip: Ip;
  priority?: number;
  not: boolean;
  tos?: number;
  mark: number;
  mask: number;
  iif?: string;
  oif?: string;
  table: number;
  from?: PrefixArgument;
  to?: PrefixArgument;
  protocol?: number;
}

const FILTERS: readonly Option<Filter>[] = [
  option("preference|order|priority", (f, args) => {
    f.priority = parseUnsigned(args.next());
    if (f.priority === undefined) throw wrong("preference value is invalid\n", args.word);
  }),
  option("=not", (f) => (f.not = true)),
  option("=tos|=dsfield", (f, args) => {
    f.tos = dsfieldNumber(args.next());
    if (f.tos === undefined) throw wrong("TOS value is invalid\n", args.word);
  }),
  option("=fwmark", (f, args) => {
    const { mark, mask } = readMark(args.next());
    f.mark = mark;
    f.mask = mask ?? 0;
  }),
  option("=dev|=iif", (f, args) => (f.iif = args.next())),
  option("=oif", (f, args) => (f.oif = args.next())),
  unbuilt("=l3mdev|=uidrange|tun_id"),
  option("lookup|table", (f, args) => {
    const table = tableNumber(args.next());
    if (table === undefined) throw wrong("table id value is invalid\n", args.word);
    f.table = table;
  }),
  option("from|src", (f, args) => (f.from = parsePrefix(args.next(), "inet"))),
  option("protocol", (f, args) => {
    f.protocol = protocolNumber(args.next());
    if (f.protocol === undefined && args.word !== "all") throw wrong('invalid "protocol"\n', args.word);
  }),
  unbuilt("=ipproto|=sport|=dport"),
];

function readFilter(ip: Ip, args: Args): Filter {
  const f: Filter = { ip, not: false, mark: 0, mask: 0, table: 0 };
  readOptions(args, FILTERS, f, (filter, words) => {
    if (words.abbreviates("dst", "to")) words.next();
    filter.to = parsePrefix(words.word, "inet");
  });
  return f;
}

/** ip/iprule.c:filter_nlmsg. */
function passes(r: Rule, f: Filter): boolean {
  if (f.priority !== undefined && r.priority !== f.priority) return false;
  if (f.not && !r.not) return false;
  if (f.from !== undefined && !inside(r.from, r.fromLength, f.from)) return false;
  if (f.to !== undefined && !inside(r.to, r.toLength, f.to)) return false;
  if (f.tos !== undefined && r.tos !== f.tos) return false;
  if (f.mark !== 0 && r.mark !== f.mark) return false;
  if (f.mask !== 0 && r.markMask !== f.mask) return false;
  if (f.iif !== undefined && r.iif !== f.iif) return false;
  if (f.oif !== undefined && r.oif !== f.oif) return false;
  return f.table === 0 || r.table === f.table;
}

const inside = (address: number, length: number, p: PrefixArgument): boolean =>
  p.length <= length && networkOf(address, p.length) === networkOf(p.address, p.length);

function list(ip: Ip, args: Args): void {
  const f = readFilter(ip, args);
  ip.out.begin();
  for (const each of ip.kernel.fib.rules()) if (passes(each, f)) put(ip, each);
  ip.out.end();
}

/** Every rule but those of priority 0. */
function flush(ip: Ip, args: Args): void {
  const f = readFilter(ip, args);
  const { fib } = ip.kernel;
  for (const r of fib.rules()) {
    if (r.priority === 0 || !passes(r, f)) continue;
    if (f.protocol !== undefined && r.protocol !== f.protocol) continue;
    answer(fib.deleteRule(specOf(r)));
  }
}

/** A request that means exactly this rule. */
const specOf = (r: Rule): RuleSpec => ({
  priority: r.priority,
  not: r.not,
  from: r.from,
  fromLength: r.fromLength,
  to: r.to,
  toLength: r.toLength,
  tos: r.tos,
  mark: r.mark,
  markMask: r.markMask,
  iif: r.iif,
  oif: r.oif,
  action: r.action,
  table: r.table,
  ...(r.action === "goto" ? { goto: r.goto } : {}),
  ...(r.suppressPrefixLength < 0 ? {} : { suppressPrefixLength: r.suppressPrefixLength }),
});

/** ip/iprule.c:print_rule. */
function put(ip: Ip, r: Rule): void {
  const { out, kernel } = ip;
  out.object();
  out.put("priority", r.priority, `${r.priority}:\t`);
  if (r.not) out.put("not", null, "not ");
  putEnd(ip, "src", "from ", r.from, r.fromLength, true);
  putEnd(ip, "dst", " to ", r.to, r.toLength, false);
  if (r.tos !== 0) out.put("tos", dsfieldName(r.tos), ` tos ${dsfieldName(r.tos)}`);
  if (r.mark !== 0 || r.markMask !== 0) {
    out.put("fwmark", hex(r.mark), ` fwmark ${hex(r.mark)}`);
    if (r.markMask !== U32) out.put("fwmask", hex(r.markMask), `/${hex(r.markMask)}`);
  }
  for (const key of ["iif", "oif"] as const) {
    if (r[key] === "") continue;
    out.put(key, r[key], ` ${key} ${r[key]}`);
    if (kernel.device(r[key]) === undefined) out.put(`${key}_detached`, null, " [detached]");
  }
  if (r.table !== 0) {
    out.put("table", tableName(r.table), ` lookup ${tableName(r.table)}`);
    const suppressed = r.suppressPrefixLength;
    if (suppressed >= 0) out.put("suppress_prefixlen", suppressed, ` suppress_prefixlength ${suppressed}`);
  }
  putAction(ip, r);
  if ((r.protocol !== 0 && r.protocol !== PROTOCOL_KERNEL) || ip.options.details) {
    out.put("protocol", protocolName(r.protocol), ` proto ${protocolName(r.protocol)}`);
  }
  out.text("\n");
  out.endObject();
}

/** One end of the selector; an end that is not looked at is `all` for the source, and nothing for the destination. */
function putEnd(ip: Ip, key: "src" | "dst", lead: string, address: number, length: number, always: boolean): void {
  const { out } = ip;
  if (length === 0) {
    if (always) out.put(key, "all", `${lead}all`);
    return;
  }
  out.put(key, formatIp(address), `${lead}${formatIp(address)}`);
  if (length !== 32) out.put(`${key}len`, length, `/${length}`);
}

function putAction(ip: Ip, r: Rule): void {
  const { out } = ip;
  if (r.action === "goto") {
    out.put("goto", r.goto, ` goto ${r.goto}`);
    if (r.target < 0) out.put("unresolved", null, " [unresolved]");
  } else if (r.action === "nop") out.put("nop", null, " nop");
  else if (r.action !== "table") out.put("action", r.action, ` ${r.action}`);
}

const hex = (value: number): string => (value === 0 ? "0" : `0x${value.toString(16)}`);

const USAGE = [
  "Usage: ip rule { add | del } SELECTOR ACTION",
  "       ip rule { list | flush } [ SELECTOR ]",
  "SELECTOR := [ not ] [ from PREFIX ] [ to PREFIX ] [ tos TOS ] [ fwmark FWMARK[/MASK] ] [ iif DEV ] [ oif DEV ]",
  "            [ pref NUMBER ]",
  "ACTION := [ table TABLE ] [ protocol PROTO ] [ goto NUMBER | nop | blackhole | unreachable | prohibit ]",
  "          [ suppress_prefixlength NUMBER ]",
].join("\n");
