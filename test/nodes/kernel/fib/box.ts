import { broadcastOf, formatIp, parseIp, parsePrefix } from "../../../../src/core/addr.ts";
import { type Outcome, strerror } from "../../../../src/core/errno.ts";
import type { Ifaddr } from "../../../../src/nodes/kernel/address-routes.ts";
import { AddressBook, type AddressHost } from "../../../../src/nodes/kernel/addresses.ts";
import { Fib } from "../../../../src/nodes/kernel/fib/fib.ts";
import {
  protocolName,
  protocolNumber,
  scopeName,
  scopeNumber,
  tableName,
  tableNumber,
} from "../../../../src/nodes/kernel/fib/names.ts";
import type { MetricName, NextHopSpec, Route, RouteSpec, RouteType } from "../../../../src/nodes/kernel/fib/route.ts";
import type { Flow, Rule, RuleAction, RuleSpec } from "../../../../src/nodes/kernel/fib/rules.ts";
import { FibResult } from "../../../../src/nodes/kernel/fib/search.ts";
import type { AddMode } from "../../../../src/nodes/kernel/fib/table.ts";

interface BoxDevice {
  readonly ifindex: number;
  readonly name: string;
  up: boolean;
  carrier: boolean;
}

const TYPES = [
  "unicast",
  "local",
  "broadcast",
  "multicast",
  "anycast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
];
type Words = string[];

/** A namespace of tables and addresses only, driven by `ip` commands, to be held against a real kernel's. */
export class Box {
  readonly devices = new Map<string, BoxDevice>();
  promotes = false;
  ignoresLinkdown = false;
  readonly fib: Fib;
  readonly book: AddressBook;

  constructor(cards = 3) {
    for (const [i, name] of ["lo", ...Array.from({ length: cards }, (_, k) => `e${k + 1}`)].entries()) {
      this.devices.set(name, { ifindex: i + 1, name, up: false, carrier: true });
    }
    const host: AddressHost = {
      device: (ifindex) => [...this.devices.values()].find((d) => d.ifindex === ifindex),
      ignoresLinkdown: () => this.ignoresLinkdown,
      promotesSecondaries: () => this.promotes,
      selectSource: (ifindex, dst, scope) => this.book.selectSource(ifindex, dst, scope),
    };
    this.fib = new Fib(host);
    this.book = new AddressBook(this.fib, host);
  }

  /** Runs one command. Answers what the tools print, spaces at the ends of lines left out. */
  run(command: string): string {
    const words = command.split(/\s+/);
    const [tool, object, verb] = words;
    const rest = words.slice(3);
    if (tool === "carrier") return this.#carrier(object as string, verb === "on");
    if (tool === "set") return this.#setting(object as string, verb === "1");
    if (object === "link") return this.#link(verb as string, rest);
    if (object === "addr") return verb === "show" ? this.#showAddresses(rest) : this.#address(verb as string, rest);
    if (object === "rule") return verb === undefined ? this.#showRules() : this.#rule(verb, rest);
    if (verb === "show") return this.#showRoutes(rest);
    if (verb === "get") return rest[0] === "fibmatch" ? this.#match(rest.slice(1)) : this.#get(rest);
    return this.#route(verb as string, rest);
  }

  #device(name: string | undefined): BoxDevice {
    const device = this.devices.get(name ?? "");
    if (device === undefined) throw new Error(`no device ${name}`);
    return device;
  }

  #carrier(name: string, on: boolean): string {
    const device = this.#device(name);
    if (device.carrier === on) return "";
    device.carrier = on;
    this.fib.carrierChanged(device.ifindex);
    return "";
  }

  #setting(name: string, on: boolean): string {
    if (name === "promote_secondaries") this.promotes = on;
    else this.ignoresLinkdown = on;
    this.fib.settingsChanged();
    return "";
  }

  #link(verb: string, words: Words): string {
    const device = this.#device(words[0]);
    if (verb === "del") {
      this.book.deviceRemoved(device.ifindex);
      this.devices.delete(device.name);
      return "";
    }
    const up = words[1] === "up";
    if (device.up === up) return "";
    device.up = up;
    if (up) this.book.deviceUp(device.ifindex);
    else this.book.deviceDown(device.ifindex);
    return "";
  }

  #address(verb: string, words: Words): string {
    const local = parsePrefix(words[0] as string) ?? fail(words);
    const options = pairs(words.slice(1), ["noprefixroute"]);
    const peer = options.has("peer") ? (parsePrefix(options.get("peer") as string) ?? fail(words)) : undefined;
    const length = peer?.length ?? local.length;
    const device = this.#device(options.get("dev"));
    if (verb === "del") {
      return answer(this.book.remove(device.ifindex, local.address, length, { peer: peer?.address }));
    }
    const brd = options.get("brd");
    const scope = options.get("scope");
    const whole = length > 30 ? 0 : broadcastOf((peer ?? local).address, length); // as iproute2 reads `brd +`
    const broadcast = brd === "+" ? whole : brd === undefined ? 0 : ip(brd);
    return answer(
      this.book.add(
        device.ifindex,
        {
          address: local.address,
          length,
          peer: peer?.address,
          broadcast,
          scope: scope === undefined ? undefined : scopeNumber(scope),
          label: options.get("label"),
          metric: Number(options.get("metric") ?? 0),
          noPrefixRoute: options.has("noprefixroute"),
        },
        verb === "add" ? "add" : "replace",
      ),
    );
  }

  #showAddresses(words: Words): string {
    return lines(this.book.list(this.#device(words[1]).ifindex).map(addressLine));
  }

  #routeSpec(words: Words): RouteSpec {
    const type = TYPES.includes(words[0] as string) ? (words.shift() as RouteType) : undefined;
    const to = words.shift() as string;
    const prefix = (to === "default" ? parsePrefix("0.0.0.0/0") : parsePrefix(to)) ?? fail(words);
    const cut = words.indexOf("nexthop");
    const options = pairs(cut < 0 ? words : words.slice(0, cut), ["onlink", "lock"]);
    const number = (key: string): number | undefined => (options.has(key) ? Number(options.get(key)) : undefined);
    const table = options.get("table");
    const scope = options.get("scope");
    const protocol = options.get("proto");
    const metrics: Partial<Record<MetricName, number>> = {};
    for (const name of ["mtu", "advmss", "window", "initcwnd", "hoplimit"] as const) {
      if (options.has(name)) metrics[name] = number(name);
    }
    return {
      dst: prefix.address,
      length: prefix.length,
      type,
      tos: number("tos"),
      table: table === undefined ? undefined : tableNumber(table),
      scope: scope === undefined ? undefined : scopeNumber(scope),
      protocol: protocol === undefined ? undefined : protocolNumber(protocol),
      metric: number("metric"),
      prefsrc: options.has("src") ? ip(options.get("src") as string) : undefined,
      ...this.#way(options),
      nexthops: cut < 0 ? undefined : legs(words.slice(cut)).map((leg) => this.#leg(leg)),
      metrics: Object.keys(metrics).length > 0 ? metrics : undefined,
    };
  }

  #way(options: Map<string, string>): NextHopSpec {
    const via = options.get("via");
    return {
      gateway: via === undefined ? undefined : ip(via),
      ifindex: options.has("dev") ? this.#device(options.get("dev")).ifindex : undefined,
      onlink: options.has("onlink"),
    };
  }

  #leg(words: Words): NextHopSpec {
    const options = pairs(words, ["onlink"]);
    return { ...this.#way(options), weight: Number(options.get("weight") ?? 1) };
  }

  #route(verb: string, words: Words): string {
    const spec = this.#routeSpec(words);
    return answer(verb === "del" ? this.fib.deleteRoute(spec) : this.fib.addRoute(spec, verb as AddMode));
  }

  #showRoutes(words: Words): string {
    const name = words[0] === "table" ? (words[1] as string) : "main";
    if (name === "all") return lines(this.fib.routes().map((r) => this.#routeText(r, r.table)));
    const table = tableNumber(name) as number;
    if (!this.fib.hasTable(table)) {
      return name === "main" ? "" : "Error: ipv4: FIB table does not exist.\nDump terminated\n? 2\n";
    }
    return lines(this.fib.routes(table).map((r) => this.#routeText(r, 254)));
  }

  #routeText(r: Route, table: number): string {
    const words: Words = [];
    if (r.type !== "unicast") words.push(r.type);
    words.push(r.length === 0 ? "default" : r.length === 32 ? formatIp(r.dst) : `${formatIp(r.dst)}/${r.length}`);
    if (r.tos !== 0) words.push(`tos 0x${r.tos.toString(16).padStart(2, "0")}`);
    const only = r.nexthops.length === 1 ? r.nexthops[0] : undefined;
    if (only !== undefined) words.push(...this.#wayText(only));
    if (table !== 254) words.push(`table ${tableName(table)}`);
    if (r.protocol !== 3) words.push(`proto ${protocolName(r.protocol)}`);
    if (r.scope !== 0) words.push(`scope ${scopeName(r.scope)}`);
    if (r.prefsrc !== 0) words.push(`src ${formatIp(r.prefsrc)}`);
    if (r.metric !== 0) words.push(`metric ${r.metric}`);
    words.push(...(only === undefined ? flags(r.info.dead, false, r.info.linkdown) : this.#hopFlags(only)));
    for (const name of ["mtu", "window", "advmss", "hoplimit", "initcwnd"] as const) {
      if (r.metrics[name] !== 0) words.push(`${name} ${r.metrics[name]}`);
    }
    if (r.nexthops.length < 2) return words.join(" ");
    const hops = r.nexthops.map((h) =>
      ["\tnexthop", ...this.#wayText(h), `weight ${h.weight}`, ...this.#hopFlags(h)].join(" "),
    );
    return [words.join(" "), ...hops].join("\n");
  }

  #hopFlags(hop: { readonly dead: boolean; readonly onlink: boolean; readonly linkdown: boolean }): Words {
    return flags(hop.dead || (hop.linkdown && this.ignoresLinkdown), hop.onlink, hop.linkdown);
  }

  #wayText(hop: { readonly gateway: number; readonly ifindex: number }): Words {
    const device = [...this.devices.values()].find((d) => d.ifindex === hop.ifindex);
    return [...(hop.gateway === 0 ? [] : [`via ${formatIp(hop.gateway)}`]), `dev ${device?.name}`];
  }

  #flow(words: Words): Flow {
    const options = pairs(words.slice(1), []);
    const index = (key: string): number => (options.has(key) ? this.#device(options.get(key)).ifindex : 0);
    return {
      dst: ip(words[0] as string),
      src: options.has("from") ? ip(options.get("from") as string) : 0,
      tos: Number(options.get("tos") ?? 0),
      mark: Number(options.get("mark") ?? 0),
      iif: 1,
      oif: index("oif"),
    };
  }

  #match(words: Words): string {
    const out = new FibResult();
    const flow = this.#flow(words);
    // net/ipv4/route.c:ip_route_output_key_hash_rcu
    const device = [...this.devices.values()].find((d) => d.ifindex === flow.oif);
    const stranger =
      (flow.src !== 0 && !this.book.isLocal(flow.src) && this.fib.addressType(flow.src) !== "local") ||
      device?.up === false;
    if (stranger || !this.fib.lookup(flow, out)) {
      // With a device the destination is taken to be on its link, and no route matches.
      const errno = stranger ? "ENETUNREACH" : flow.oif !== 0 ? "EHOSTUNREACH" : out.errno || "EINVAL";
      return `RTNETLINK answers: ${strerror(errno)}\n? 2\n`;
    }
    return lines([this.#routeText(out.route as Route, out.table)]);
  }

  /** Only what the tables decide: the next hop, the device and the source of a packet made here. */
  #get(words: Words): string {
    const out = new FibResult();
    const flow = this.#flow(words);
    if (!this.fib.lookup(flow, out)) return `RTNETLINK answers: ${strerror(out.errno || "EINVAL")}\n? 2\n`;
    const route = out.route as Route;
    const hop = out.nexthop ?? this.fib.selectPath(route, 0);
    const local = route.type === "local";
    const text: Words = route.type === "unicast" ? [formatIp(flow.dst)] : [route.type, formatIp(flow.dst)];
    if (hop.gateway !== 0 && hop.scope === 253 && !local) text.push(`via ${formatIp(hop.gateway)}`);
    text.push(local ? "dev lo" : `dev ${[...this.devices.values()].find((d) => d.ifindex === hop.ifindex)?.name}`);
    if (out.table !== 254) text.push(`table ${tableName(out.table)}`);
    const source = route.prefsrc || (local ? flow.dst : this.book.selectSource(hop.ifindex, hop.gateway, route.scope));
    text.push(`src ${formatIp(source)}`);
    return lines([text.join(" ")]);
  }

  #rule(verb: string, words: Words): string {
    const spec = ruleSpec(words);
    return answer(verb === "add" ? this.fib.addRule(spec) : this.fib.deleteRule(spec));
  }

  #showRules(): string {
    const detached = (name: string): string => (this.devices.has(name) ? "" : " [detached]");
    return lines(this.fib.rules().map((r) => ruleText(r, detached)));
  }
}

/** Commands and what they must answer: lines that begin with `$ `, each followed by its output. `#` begins a comment. */
export function replay(transcript: string, box = new Box()): { readonly expected: string; readonly got: string } {
  const expected: string[] = [];
  const got: string[] = [];
  for (const line of transcript.split("\n")) {
    if (line.startsWith("#") || line === "") continue;
    expected.push(line);
    if (line.startsWith("$ "))
      got.push(
        line,
        ...box
          .run(line.slice(2))
          .split("\n")
          .filter((l) => l !== ""),
      );
  }
  return { expected: expected.join("\n"), got: got.join("\n") };
}

function fail(words: Words): never {
  throw new Error(`cannot read ${words.join(" ")}`);
}
const ip = (text: string): number => parseIp(text) ?? fail([text]);
const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

/** Options with a value, and flags without. */
function pairs(words: Words, bare: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (bare.includes(word)) found.set(word, "");
    else found.set(word, words[++i] ?? fail(words));
  }
  return found;
}

function legs(words: Words): Words[] {
  const found: Words[] = [];
  for (const word of words) {
    if (word === "nexthop") found.push([]);
    else found.at(-1)?.push(word);
  }
  return found;
}

function answer(outcome: Outcome<unknown>): string {
  if (outcome.ok) return "";
  const text =
    outcome.detail === undefined ? `RTNETLINK answers: ${strerror(outcome.errno)}` : `Error: ${outcome.detail}.`;
  return `${text}\n? 2\n`;
}

const flags = (dead: boolean, onlink: boolean, linkdown: boolean): Words => [
  ...(dead ? ["dead"] : []),
  ...(onlink ? ["onlink"] : []),
  ...(linkdown ? ["linkdown"] : []),
];

function addressLine(a: Ifaddr): string {
  const words = [
    "inet",
    a.peer === a.address
      ? `${formatIp(a.address)}/${a.length}`
      : `${formatIp(a.address)} peer ${formatIp(a.peer)}/${a.length}`,
  ];
  if (a.metric !== 0) words.push(`metric ${a.metric}`);
  if (a.broadcast !== 0) words.push(`brd ${formatIp(a.broadcast)}`);
  words.push(`scope ${scopeName(a.scope)}`);
  if (a.secondary) words.push("secondary");
  if (a.noPrefixRoute) words.push("noprefixroute");
  return [...words, a.label].join(" ");
}

function ruleSpec(words: Words): RuleSpec {
  const not = words[0] === "not";
  if (not) words.shift();
  const bare = ["blackhole", "unreachable", "prohibit", "nop"];
  const options = pairs(words, bare);
  const number = (key: string): number | undefined => (options.has(key) ? Number(options.get(key)) : undefined);
  const prefix = (key: string): { address: number; length: number } | undefined => {
    const text = options.get(key);
    return text === undefined || text === "all" ? undefined : (parsePrefix(text) ?? fail(words));
  };
  const [mark, mask] = (options.get("fwmark") ?? "").split("/");
  const table = options.get("lookup");
  const protocol = options.get("proto");
  const action =
    bare.find((word) => options.has(word)) ??
    (options.has("goto") ? "goto" : table === undefined ? undefined : "table");
  return {
    not,
    priority: number("pref"),
    from: prefix("from")?.address,
    fromLength: prefix("from")?.length,
    to: prefix("to")?.address,
    toLength: prefix("to")?.length,
    tos: number("tos"),
    mark: mark ? Number(mark) : undefined,
    markMask: mask === undefined ? undefined : Number(mask),
    iif: options.get("iif"),
    oif: options.get("oif"),
    action: action as RuleAction | undefined,
    table: table === undefined ? undefined : tableNumber(table),
    goto: number("goto"),
    suppressPrefixLength: number("suppress_prefixlength"),
    protocol: protocol === undefined ? undefined : protocolNumber(protocol),
  };
}

/** C's `%#x`. */
const hex = (n: number): string => (n === 0 ? "0" : `0x${n.toString(16)}`);

function ruleText(r: Rule, detached: (name: string) => string): string {
  const prefix = (address: number, length: number): string =>
    length === 0 ? "all" : length === 32 ? formatIp(address) : `${formatIp(address)}/${length}`;
  const words = [`${r.priority}:\t${r.not ? "not " : ""}from ${prefix(r.from, r.fromLength)}`];
  if (r.toLength > 0) words.push(`to ${prefix(r.to, r.toLength)}`);
  if (r.tos !== 0) words.push(`tos 0x${r.tos.toString(16).padStart(2, "0")}`);
  if (r.mark !== 0 || r.markMask !== 0) {
    words.push(`fwmark ${hex(r.mark)}${r.markMask === 0xffffffff ? "" : `/${hex(r.markMask)}`}`);
  }
  if (r.iif !== "") words.push(`iif ${r.iif}${detached(r.iif)}`);
  if (r.oif !== "") words.push(`oif ${r.oif}${detached(r.oif)}`);
  if (r.action === "table") words.push(`lookup ${tableName(r.table)}`);
  if (r.action === "table" && r.suppressPrefixLength >= 0)
    words.push(`suppress_prefixlength ${r.suppressPrefixLength}`);
  if (r.action === "goto") words.push(`goto ${r.goto}${r.target < 0 ? " [unresolved]" : ""}`);
  else if (r.action !== "table") words.push(r.action);
  if (r.protocol !== 0 && r.protocol !== 2) words.push(`proto ${protocolName(r.protocol)}`);
  return words.join(" ");
}
