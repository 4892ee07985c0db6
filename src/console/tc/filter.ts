import { deleteFilter, type FilterRequest, listedChain, modifyFilter } from "../../nodes/kernel/tc/filter-requests.ts";
import { type FilterProto, PROTOCOL_ALL } from "../../nodes/kernel/tc/filters/filter.ts";
import { CLSACT_EGRESS, CLSACT_INGRESS, formatHandle, type Handle, ROOT } from "../../nodes/kernel/tc/handle.ts";
import type { Args } from "../ip/args.ts";
import { usage } from "../ip/exit.ts";
import { answer, deviceNamed, illegal, notBuilt, REMARK, type Tc } from "./context.ts";
import { FILTERS, FILTERS_NOT_BUILT } from "./filters/registry.ts";
import { duplicate, wrong } from "./parse.ts";
import { formatProtocol, parseProtocol } from "./protocols.ts";
import { parseClassid, parseUnsigned } from "./units.ts";

/** `tc filter` (tc/tc_filter.c). */
export function filter(tc: Tc, args: Args): void {
  const verb = args.word;
  if (!args.more) return list(tc, args);
  const is = (...words: readonly string[]): boolean => args.abbreviates(...words);
  const rest = (): Args => {
    args.step();
    return args;
  };
  if (is("add")) return modify(tc, rest(), "add");
  if (is("change")) return modify(tc, rest(), "change");
  if (is("replace")) return modify(tc, rest(), "replace");
  if (is("delete")) return modify(tc, rest(), "delete");
  if (is("get")) return modify(tc, rest(), "get");
  if (is("list", "show", "lst")) return list(tc, rest());
  if (is("help")) return tc.self.err(`${USAGE}\n`);
  throw usage(`Command "${verb}" is unknown, try "tc filter help".`);
}

interface Read {
  dev: string;
  parent: Handle;
  handle: string | undefined;
  preference: number;
  protocol: number | undefined;
  kind: string | undefined;
}

const newRead = (): Read => ({
  dev: "",
  parent: 0,
  handle: undefined,
  preference: 0,
  protocol: undefined,
  kind: undefined,
});

/** What the kernel refuses, `tc filter` remarks on once more. */

function modify(tc: Tc, args: Args, verb: "add" | "change" | "replace" | "delete" | "get"): void {
  const r = newRead();
  for (; args.more && r.kind === undefined; args.step()) {
    if (!readPlace(args, r)) r.kind = args.word;
  }
  const creates = verb === "add" || verb === "replace";
  const protocol = r.protocol ?? (creates ? PROTOCOL_ALL : 0);
  const dev = r.dev === "" ? undefined : deviceNamed(tc, r.dev);
  let read: { readonly handle: number; readonly spec?: FilterRequest["spec"] } = { handle: 0 };
  if (r.kind !== undefined) read = readKind(tc, args, r.kind, r.handle, protocol);
  else if (r.handle !== undefined) throw usage('Must specify filter type when using "handle"');
  if (dev === undefined) throw answer({ ok: false, errno: "ENODEV" }, REMARK);
  const { parent, preference, kind } = r;
  const request: FilterRequest = { dev, parent, preference, protocol, kind, ...read };
  if (verb === "get") return show(tc, request);
  answer(verb === "delete" ? deleteFilter(request) : modifyFilter(request, verb), REMARK);
}

/** Reads one of the words before the kind; false: it is none of them. */
function readPlace(args: Args, r: Read): boolean {
  if (args.is("dev")) {
    const name = args.next();
    if (r.dev !== "") throw duplicate("dev", name);
    r.dev = name;
  } else if (args.abbreviates("block")) throw notBuilt("filter block");
  else if (args.is("root", "ingress", "egress")) {
    if (r.parent !== 0) throw usage(`Error: "${args.word}" is duplicate parent ID`);
    r.parent = args.is("root") ? ROOT : args.is("ingress") ? CLSACT_INGRESS : CLSACT_EGRESS;
  } else if (args.is("parent")) {
    const text = args.next();
    if (r.parent !== 0) throw duplicate("parent", text);
    r.parent = parseClassid(text) ?? invalid("Invalid parent ID", text);
  } else if (args.is("handle")) {
    const text = args.next();
    if (r.handle !== undefined) throw duplicate("handle", text);
    r.handle = text;
  } else if (args.abbreviates("preference", "priority")) {
    const text = args.next();
    if (r.preference !== 0) throw duplicate("priority", text);
    r.preference = parseUnsigned(text, 0, 0xffff) ?? invalid("invalid priority value", text);
  } else if (args.abbreviates("protocol")) {
    const text = args.next();
    if (r.protocol !== undefined) throw duplicate("protocol", text);
    r.protocol = parseProtocol(text) ?? invalid("invalid protocol", text);
  } else if (args.abbreviates("chain")) {
    if (args.next() !== "0") throw notBuilt("filter chain");
  } else if (args.abbreviates("estimator")) throw notBuilt("filter estimator");
  else if (args.abbreviates("help")) throw usage(USAGE);
  else return false;
  return true;
}

function invalid(why: string, argument: string): never {
  throw wrong(why, argument);
}

function readKind(
  tc: Tc,
  args: Args,
  kind: string,
  handle: string | undefined,
  protocol: number,
): { handle: number; spec?: FilterRequest["spec"] } {
  if (FILTERS_NOT_BUILT.includes(kind)) throw notBuilt(`filter ${kind}`);
  const known = FILTERS.get(kind);
  if (known !== undefined) return known.parse(args, tc, handle, protocol);
  if (args.more) throw illegal(`Unknown filter "${kind}", hence option "${args.word}" is unparsable`);
  const number = handle === undefined ? 0 : parseUnsigned(handle, 16);
  if (number === undefined) throw illegal(`Unparsable filter ID "${handle}"`);
  return { handle: number };
}

function list(tc: Tc, args: Args): void {
  const r = newRead();
  for (; args.more; args.step()) {
    if (!readPlace(args, r)) throw usage(` What is "${args.word}"? Try "tc filter help"`);
  }
  const { out } = tc;
  if (r.dev === "") {
    out.begin();
    return out.end();
  }
  const dev = deviceNamed(tc, r.dev);
  out.begin();
  const chain = r.parent === ROOT ? undefined : listedChain(dev, r.parent);
  for (const proto of chain?.protos ?? []) {
    if (r.preference !== 0 && proto.preference !== r.preference) continue;
    if ((r.protocol ?? 0) !== 0 && proto.protocol !== r.protocol) continue;
    printFilter(tc, proto, r, undefined);
    for (const entry of FILTERS.get(proto.kind)?.entries(proto) ?? []) printFilter(tc, proto, r, entry.print);
  }
  out.end();
}

/** `tc filter get`. */
function show(tc: Tc, { dev, parent, preference, handle, kind }: FilterRequest): void {
  const proto = listedChain(dev, parent)?.protos.find((f) => f.preference === preference);
  const missing = "Filter with specified priority/protocol not found";
  if (proto === undefined || proto.kind !== kind) {
    throw answer({ ok: false, errno: "ENOENT", detail: missing }, REMARK);
  }
  for (const entry of FILTERS.get(proto.kind)?.entries(proto) ?? []) {
    if (entry.handle !== handle) continue;
    tc.out.begin();
    printFilter(tc, proto, { ...newRead(), dev: dev.name }, entry.print);
    return tc.out.end();
  }
  throw answer({ ok: false, errno: "ENOENT", detail: "Specified filter handle not found" }, REMARK);
}

/** A line of a listing: what was asked for by name is not repeated in it (tc/tc_filter.c:print_filter). */
function printFilter(tc: Tc, proto: FilterProto, r: Read, print: ((tc: Tc) => void) | undefined): void {
  const { out } = tc;
  const { parent } = proto.chain;
  out.object();
  out.text("filter ");
  if (r.dev === "") out.put("dev", proto.chain.qdisc.dev.name, `dev ${proto.chain.qdisc.dev.name} `);
  if (r.parent === 0 || r.parent !== parent) {
    if (parent === CLSACT_INGRESS) out.put("ingress", true, "ingress ");
    else if (parent === CLSACT_EGRESS) out.put("egress", true, "egress ");
    else out.put("parent", formatHandle(parent), `parent ${formatHandle(parent)} `);
  }
  if ((r.protocol ?? 0) === 0 || r.protocol !== proto.protocol) {
    out.put("protocol", formatProtocol(proto.protocol), `protocol ${formatProtocol(proto.protocol)} `);
  }
  if (r.preference === 0) out.put("pref", proto.preference, `pref ${proto.preference} `);
  out.put("kind", proto.kind, `${proto.kind} `);
  out.put("chain", 0, "chain 0 ");
  if (print !== undefined) {
    out.object("options");
    print(tc);
    out.endObject();
  }
  out.newline();
  out.endObject();
}

const USAGE = [
  "Usage: tc filter { add | del | change | replace } dev STRING [ root | ingress | egress | parent CLASSID ]",
  "                 [ pref PRIO ] protocol PROTO [ handle FILTERID ] [ FILTER_TYPE [ help | OPTIONS ] ]",
  "       tc filter get dev STRING parent CLASSID protocol PROTO handle FILTERID pref PRIO FILTER_TYPE",
  "       tc filter show [ dev STRING ] [ root | ingress | egress | parent CLASSID ] [ pref PRIO ] [ protocol PROTO ]",
].join("\n");
