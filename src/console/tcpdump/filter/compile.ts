import { BROADCAST_MAC, isGroupMac, isMulticast, parseIp, parseMac } from "../../../core/addr.ts";
import * as ethernet from "../../../protocols/ethernet/wire.ts";
import * as ipv4 from "../../../protocols/ipv4/wire.ts";
import { ARP_TYPES, type Direction, FieldReader, type FilterFrame } from "./frame.ts";
import {
  ETHER_PROTOCOLS,
  IP_PROTOCOLS,
  IP_WORDS,
  isReserved,
  isUnbuilt,
  type Network,
  PORTS,
  parseNetwork,
  parseNumber,
} from "./words.ts";

/** Whether a frame passes. */
export type Filter = (f: FilterFrame) => boolean;

/** A filter, or tcpdump's complaint about the expression. */
export type CompiledFilter =
  | { readonly ok: true; readonly filter: Filter }
  | { readonly ok: false; readonly why: string };

/**
 * Compiles a capture filter (pcap-filter(7)): host, net, port, portrange and proto with src, dst and a protocol before
 * them, protocols by name, broadcast, multicast, vlan, less, greater, inbound, outbound, and, or, not, parentheses. `and`
 * and `or` bind alike, from the left, as in pcap. Anything else is refused by name. An empty expression passes everything.
 */
export function compileFilter(expression: string): CompiledFilter {
  const tokens = expression.match(/[()]|!|&&|\|\||[^\s()!&|]+|[&|]/g) ?? [];
  if (tokens.length === 0) return { ok: true, filter: () => true };
  const strange = tokens.find(isUnbuilt);
  if (strange !== undefined) return { ok: false, why: `filter: '${strange}' is not built` };
  try {
    return { ok: true, filter: new Compiler(tokens).whole() };
  } catch (e) {
    if (e instanceof FilterError) return { ok: false, why: e.message };
    throw e;
  }
}

/** What is wrong with an expression; it leaves this file as a value. */
class FilterError extends Error {}
const SYNTAX = "can't parse filter expression: syntax error";
const fail = (why = SYNTAX): never => {
  throw new FilterError(why);
};

type Kind = "host" | "net" | "port" | "portrange" | "proto";
/** What stands before an identifier; kept for identifiers that follow without any. */
interface Qualifiers {
  readonly protocol: string | undefined;
  readonly direction: Direction;
  readonly kind: Kind;
}

/** Words in parentheses in words, at most. */
const NESTING_MAX = 100;

class Compiler {
  readonly #tokens: readonly string[];
  #at = 0;
  #last: Qualifiers | undefined;
  /** VLAN tags that the frame must have by now: fields are read behind them. */
  #tags = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  whole(): Filter {
    const filter = this.#expression(0);
    return this.#at < this.#tokens.length ? fail() : filter;
  }

  #expression(nesting: number): Filter {
    let left = this.#term(nesting);
    for (;;) {
      const word = this.#peek();
      const both = word === "and" || word === "&&";
      if (!both && word !== "or" && word !== "||") return left;
      this.#at++;
      const [before, after] = [left, this.#term(nesting)];
      left = both ? (f) => before(f) && after(f) : (f) => before(f) || after(f);
    }
  }

  #term(nesting: number): Filter {
    if (nesting > NESTING_MAX) fail("filter: too deeply nested");
    const word = this.#peek();
    if (word === "not" || word === "!") {
      this.#at++;
      const inner = this.#term(nesting + 1);
      return (f) => !inner(f);
    }
    if (word === "(") {
      this.#at++;
      const inner = this.#expression(nesting + 1);
      return this.#next() === ")" ? inner : fail();
    }
    return this.#primitive();
  }

  #primitive(): Filter {
    const word = this.#peek();
    if (word === undefined) return fail();
    const read = new FieldReader(this.#tags);
    switch (word) {
      case "vlan":
        this.#at++;
        return this.#vlan();
      case "less":
      case "greater": {
        this.#at++;
        const limit = parseNumber(this.#next() ?? "") ?? fail();
        return word === "less" ? (f) => f.bytes <= limit : (f) => f.bytes >= limit;
      }
      case "inbound":
      case "outbound":
        this.#at++;
        return (f) => f.outgoing === (word === "outbound");
      case "broadcast":
      case "multicast":
        return many(read, undefined, this.#next() as string);
    }
    return this.#qualified(read, word);
  }

  /** `tcp`, `tcp src port 80`, `dst host …`, or an identifier that takes the qualifiers of the one before. */
  #qualified(read: FieldReader, first: string): Filter {
    let protocol: string | undefined;
    if (isProtocol(first)) {
      protocol = first;
      this.#at++;
      const next = this.#peek();
      if (next === "broadcast" || next === "multicast") return many(read, protocol, this.#next() as string);
      if (next === undefined || !STARTS.includes(next)) return standalone(read, protocol);
    } else if (!STARTS.includes(first)) {
      if (this.#last === undefined || isReserved(first)) return fail();
      return this.#identified(read, this.#last);
    }
    const direction = this.#direction();
    const word = this.#peek();
    const kind = KINDS.find((k) => k === word);
    if (kind !== undefined) this.#at++;
    this.#last = { protocol, direction: direction ?? "either", kind: kind ?? "host" };
    return this.#identified(read, this.#last);
  }

  /** `src`, `dst`, `src or dst`, `src and dst`. */
  #direction(): Direction | undefined {
    const word = this.#peek();
    if (word !== "src" && word !== "dst") return undefined;
    this.#at++;
    const [connector, other] = [this.#peek(), this.#tokens[this.#at + 1]];
    const joins = connector === "or" || connector === "and";
    if (!joins || (other !== "src" && other !== "dst") || other === word) return word;
    this.#at += 2;
    return connector === "or" ? "either" : "both";
  }

  #identified(read: FieldReader, q: Qualifiers): Filter {
    const token = this.#next();
    if (token === undefined || (isReserved(token) && !token.startsWith("\\"))) return fail();
    const id = token.replace(/^\\/, "");
    switch (q.kind) {
      case "host":
        return q.protocol === "ether" ? etherHost(read, q.direction, id) : host(read, q, hostNetwork(id));
      case "net":
        return host(read, q, this.#network(id));
      case "port":
      case "portrange":
        return ports(read, q, id);
      case "proto":
        return protocolNumber(read, q.protocol, id);
    }
  }

  #network(id: string): Network {
    const mask = this.#peek() === "mask" ? parseIp(this.#tokens[(this.#at += 2) - 1] ?? "") : undefined;
    const network = parseNetwork(id);
    if (network === undefined) return fail(`unknown network '${id}'`);
    const full = mask === undefined ? network : { address: network.address, mask };
    return (full.address & ~full.mask) === 0 ? full : fail(`non-network bits set in "${id}"`);
  }

  /** `vlan` or `vlan 5`; what follows is looked for behind the tag. */
  #vlan(): Filter {
    const read = new FieldReader(this.#tags);
    const id = parseNumber(this.#peek() ?? "");
    if (id !== undefined) this.#at++;
    if (id !== undefined && id > 4095) fail(`VLAN tag ${id} greater than maximum 4095`);
    this.#tags++;
    return (f) =>
      f.ethernet &&
      TAGS.includes(read.type(f)) &&
      (id === undefined || (read.tag(f) >= 0 && (read.tag(f) & 0xfff) === id));
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }
  #next(): string | undefined {
    return this.#tokens[this.#at++];
  }
}

const TAGS: readonly number[] = [ethernet.ETHERTYPE_VLAN, ethernet.ETHERTYPE_QINQ, ethernet.ETHERTYPE_QINQ_OLD];
const KINDS: readonly Kind[] = ["host", "net", "port", "portrange", "proto"];
/** Words that may follow a protocol as its qualifiers. */
const STARTS: readonly string[] = ["src", "dst", ...KINDS];

const isProtocol = (word: string): boolean =>
  word === "ether" || word === "stp" || ETHER_PROTOCOLS.has(word) || IP_WORDS.includes(word);

/** A protocol by itself: `tcp`, `arp`, `stp`. */
function standalone(read: FieldReader, protocol: string): Filter {
  if (protocol === "ether") return fail();
  if (protocol === "stp") return (f) => read.dsap(f) === ethernet.SAP_STP;
  const type = ETHER_PROTOCOLS.get(protocol);
  if (type !== undefined) return (f) => read.type(f) === type;
  const number = IP_PROTOCOLS.get(protocol) as number;
  return (f) => read.ipProtocol(f) === number;
}

function many(read: FieldReader, protocol: string | undefined, word: string): Filter {
  if (protocol === undefined || protocol === "ether")
    return (f) => read.mac(f, "dst", word === "broadcast" ? (mac) => mac === BROADCAST_MAC : isGroupMac);
  if (protocol === "ip" && word === "multicast") return (f) => read.ipAddress(f, "dst", isMulticast);
  return fail(`filter: '${protocol} ${word}' is not built`);
}

function etherHost(read: FieldReader, direction: Direction, id: string): Filter {
  const mac = parseMac(id) ?? fail("illegal link layer address");
  return (f) => read.mac(f, direction, (m) => m === mac);
}

function hostNetwork(id: string): Network {
  const short = parseNetwork(id); // `host 10.1` is 10.1.0.0/16
  if (short !== undefined) return short;
  return fail(/^[\d.]+$/.test(id) ? `invalid IPv4 address '${id}'` : `unknown host '${id}'`);
}

/** IPv4 addresses of a network, in IP and, unless a protocol stands before it, in ARP and RARP. */
function host(read: FieldReader, q: Qualifiers, { address, mask }: Network): Filter {
  const inside = (a: number): boolean => ((a ^ address) & mask) === 0;
  const { protocol, direction } = q;
  if (protocol === "ether") return fail();
  if (protocol === "ip") return (f) => read.ipAddress(f, direction, inside);
  const type = protocol === undefined ? undefined : ETHER_PROTOCOLS.get(protocol);
  if (type !== undefined && ARP_TYPES.includes(type)) return (f) => read.arpAddress(f, type, direction, inside);
  if (protocol !== undefined) return fail(`'${protocol}' modifier applied to ${q.kind}`);
  return (f) => read.ipAddress(f, direction, inside) || ARP_TYPES.some((t) => read.arpAddress(f, t, direction, inside));
}

const WITH_PORTS: readonly number[] = [ipv4.IPPROTO_TCP, ipv4.IPPROTO_UDP, ipv4.IPPROTO_SCTP];

function ports(read: FieldReader, q: Qualifiers, id: string): Filter {
  const number = q.protocol === undefined ? undefined : IP_PROTOCOLS.get(q.protocol);
  if (q.protocol !== undefined && q.protocol !== "ip" && (number === undefined || !WITH_PORTS.includes(number)))
    fail(`illegal qualifier of '${q.kind}'`);
  const protocols = number === undefined ? WITH_PORTS : [number];
  const [low, high] = q.kind === "port" ? [id, id] : (/^(.+)-(.+)$/.exec(id)?.slice(1) ?? [id, id]);
  const range = [port(low as string), port(high as string)].sort((a, b) => a - b) as [number, number];
  return (f) => read.port(f, protocols, q.direction, (p) => p >= range[0] && p <= range[1]);
}

function port(text: string): number {
  const number = parseNumber(text) ?? PORTS.get(text) ?? fail(`unknown port '${text}'`);
  return number > 65_535 ? fail(`illegal port number ${number} > 65535`) : number;
}

/** `ether proto 0x88cc`, `ip proto 89`, `proto 89`. */
function protocolNumber(read: FieldReader, protocol: string | undefined, id: string): Filter {
  if (protocol === "ether") {
    const type = parseNumber(id) ?? ETHER_PROTOCOLS.get(id) ?? fail(`unknown ether proto '${id}'`);
    return (f) => read.type(f) === type;
  }
  if (protocol !== undefined && protocol !== "ip") return fail(`'${protocol} proto' is bogus`);
  const number = parseNumber(id) ?? IP_PROTOCOLS.get(id) ?? fail(`unknown ip proto '${id}'`);
  return (f) => read.ipProtocol(f) === number;
}
