import type { Ipv4 } from "../../../../core/addr.ts";
import type { RandomStream } from "../../../../core/rng.ts";
import { IPPROTO_ICMP, IPPROTO_TCP } from "../../../../protocols/ipv4/wire.ts";
import type { NatRange } from "./range.ts";

/** What an inside endpoint is outside, whomever it talks to (RFC 4787 §4.1). Of ICMP, ports are identifiers. */
export interface Mapping {
  readonly protocol: number;
  readonly inside: Ipv4;
  readonly insidePort: number;
  readonly outside: Ipv4;
  readonly outsidePort: number;
  /** The device beyond which the outside is. */
  readonly ifindex: number;
  /** Flows that use it; with the last one it goes. */
  flows: number;
  /** Addresses that the inside endpoint has sent to, each with the number of flows. */
  readonly remotes: Map<Ipv4, number>;
}

/** The addresses and ports of a mapping to be made. */
interface Place {
  readonly address: Ipv4;
  readonly port: number;
}

/** The mappings of a node, found from either side. No two share an outside endpoint (RFC 4787 REQ-3, RFC 5382 REQ-7). */
export class Mappings {
  readonly #inside = new Map<number, Mapping[]>();
  readonly #outside = new Map<number, Mapping>();
  /** The outside address that an inside host has, and how many mappings (RFC 4787 REQ-2). */
  readonly #pairs = new Map<Ipv4, { readonly address: Ipv4; count: number }>();
  /** How many mappings an outside address has. */
  readonly #addresses = new Map<Ipv4, number>();
  readonly #rng: RandomStream;

  constructor(rng: RandomStream) {
    this.#rng = rng;
  }

  get size(): number {
    return this.#outside.size;
  }
  list(): readonly Mapping[] {
    return [...this.#outside.values()];
  }

  /** The mapping of an inside endpoint whose outside one lies in a range. */
  fromInside(protocol: number, address: Ipv4, port: number, range: NatRange): Mapping | undefined {
    return this.#inside.get(key(protocol, address, port))?.find((m) => isWithin(m.outside, m.outsidePort, range));
  }
  /** The mapping whose outside endpoint that is. */
  fromOutside(protocol: number, address: Ipv4, port: number): Mapping | undefined {
    return this.#outside.get(key(protocol, address, port));
  }
  /** Whether an address is one that somebody inside has outside. */
  isOutside(address: Ipv4): boolean {
    return this.#addresses.has(address);
  }

  /** Makes a mapping, with the port that the endpoint has where that is free. Undefined: no port is left. */
  make(protocol: number, inside: Ipv4, insidePort: number, range: NatRange, ifindex: number): Mapping | undefined {
    const place = this.#choose(protocol, inside, insidePort, range);
    if (place === undefined) return undefined;
    const m: Mapping = {
      protocol,
      inside,
      insidePort,
      outside: place.address,
      outsidePort: place.port,
      ifindex,
      flows: 0,
      remotes: new Map(),
    };
    const at = key(protocol, inside, insidePort);
    this.#inside.set(at, [...(this.#inside.get(at) ?? []), m]);
    this.#outside.set(key(protocol, m.outside, m.outsidePort), m);
    const pair = this.#pairs.get(inside);
    if (pair === undefined) this.#pairs.set(inside, { address: m.outside, count: 1 });
    else pair.count++;
    this.#addresses.set(m.outside, (this.#addresses.get(m.outside) ?? 0) + 1);
    return m;
  }

  /** One flow more uses the mapping; `remote` is whom the inside sends to, 0 when the outside began. */
  use(m: Mapping, remote: Ipv4): void {
    m.flows++;
    if (remote !== 0) m.remotes.set(remote, (m.remotes.get(remote) ?? 0) + 1);
  }

  /** A flow is over. True when the mapping is, too. */
  release(m: Mapping, remote: Ipv4): boolean {
    const left = (m.remotes.get(remote) ?? 1) - 1;
    if (left === 0) m.remotes.delete(remote);
    else if (remote !== 0) m.remotes.set(remote, left);
    if (--m.flows > 0) return false;
    const at = key(m.protocol, m.inside, m.insidePort);
    const others = (this.#inside.get(at) ?? []).filter((other) => other !== m);
    if (others.length === 0) this.#inside.delete(at);
    else this.#inside.set(at, others);
    this.#outside.delete(key(m.protocol, m.outside, m.outsidePort));
    const pair = this.#pairs.get(m.inside);
    if (pair !== undefined && --pair.count === 0) this.#pairs.delete(m.inside);
    const count = (this.#addresses.get(m.outside) ?? 1) - 1;
    if (count === 0) this.#addresses.delete(m.outside);
    else this.#addresses.set(m.outside, count);
    return true;
  }

  #choose(protocol: number, inside: Ipv4, port: number, range: NatRange): Place | undefined {
    for (const address of this.#candidates(inside, range)) {
      const found = this.#port(protocol, address, port, range);
      if (found !== undefined) return { address, port: found };
    }
    return undefined;
  }

  /** The address that the host has already, if the range allows it; else the one that its own address chooses, then the others. */
  *#candidates(inside: Ipv4, range: NatRange): Generator<Ipv4> {
    const { minAddress = inside, maxAddress = minAddress } = range;
    const pair = this.#pairs.get(inside)?.address;
    const count = maxAddress - minAddress + 1;
    const paired = pair !== undefined && pair >= minAddress && pair <= maxAddress;
    const first = paired ? pair - minAddress : spread(inside) % count;
    for (let i = 0; i < Math.min(count, ADDRESSES_TRIED); i++) yield minAddress + ((first + i) % count);
  }

  /** RFC 4787 REQ-3a: a port below 1024 gets one there, any other one above; REQ-4: an even one an even one, as long as there is any. */
  #port(protocol: number, address: Ipv4, port: number, range: NatRange): number | undefined {
    const free = (p: number): boolean => !this.#outside.has(key(protocol, address, p));
    const [low, high] = portsFor(protocol, port, range);
    if (port >= low && port <= high && free(port)) return port;
    const count = high - low + 1;
    const first = this.#rng.int(count);
    let other: number | undefined;
    for (let i = 0; i < count; i++) {
      const candidate = low + ((first + i) % count);
      const alike = protocol === IPPROTO_ICMP || ((candidate ^ port) & 1) === 0;
      if ((alike || other === undefined) && free(candidate)) {
        if (alike) return candidate;
        other = candidate;
      }
    }
    return other;
  }
}

/** Addresses of a pool that are searched for a free port. */
const ADDRESSES_TRIED = 64;

function portsFor(protocol: number, port: number, range: NatRange): readonly [number, number] {
  if (range.minPort !== undefined) return [range.minPort, range.maxPort ?? range.minPort];
  if (protocol === IPPROTO_ICMP) return [0, 65_535];
  return port < 1024 ? [1, 1023] : [1024, 65_535];
}

function isWithin(address: Ipv4, port: number, range: NatRange): boolean {
  const { minAddress, maxAddress = minAddress, minPort, maxPort = minPort } = range;
  if (minAddress !== undefined && (address < minAddress || address > (maxAddress as number))) return false;
  return minPort === undefined || (port >= minPort && port <= (maxPort as number));
}

/** An endpoint as one number: two bits of protocol, the address, the port. */
const key = (protocol: number, address: Ipv4, port: number): number =>
  ((protocol === IPPROTO_ICMP ? 0 : protocol === IPPROTO_TCP ? 1 : 2) * 0x1_0000_0000 + address) * 0x1_0000 + port;

const spread = (address: Ipv4): number => {
  const h = Math.imul(address, 0x85ebca6b);
  return (h ^ (h >>> 15)) >>> 0;
};
