import type { Ipv4 } from "../../core/addr.ts";

/** What belongs to one connection, and is found by its two addresses and ports. */
export interface TcpTuple {
  readonly localAddress: Ipv4;
  readonly localPort: number;
  readonly remoteAddress: Ipv4;
  readonly remotePort: number;
}

interface Entry<T extends TcpTuple> {
  readonly value: T;
  /** Addresses, signed; ports as they stand in the header of a segment that comes in. */
  readonly local: number;
  readonly remote: number;
  readonly ports: number;
  next: Entry<T> | null;
}

/** Connections by address and port (`inet_ehash`). Made empty, it costs nothing. */
export class TcpTable<T extends TcpTuple> {
  #buckets: Map<number, Entry<T>> | null = null;
  /** What was found last: most segments belong to the same connection as the one before. */
  #last: Entry<T> | null = null;
  size = 0;

  /** `local` and `remote`: addresses, signed. `ports`: the remote one in the upper half. */
  find(local: number, remote: number, ports: number): T | undefined {
    const last = this.#last;
    if (last !== null && last.ports === ports && last.remote === remote && last.local === local) return last.value;
    if (this.size === 0 || this.#buckets === null) return undefined;
    let e = this.#buckets.get(hash(local, remote, ports)) ?? null;
    while (e !== null && (e.ports !== ports || e.remote !== remote || e.local !== local)) e = e.next;
    if (e === null) return undefined;
    this.#last = e;
    return e.value;
  }

  findTuple(t: TcpTuple): T | undefined {
    return this.find(t.localAddress | 0, t.remoteAddress | 0, (t.remotePort << 16) | t.localPort);
  }

  add(value: T): void {
    this.#buckets ??= new Map();
    const local = value.localAddress | 0;
    const remote = value.remoteAddress | 0;
    const ports = (value.remotePort << 16) | value.localPort;
    const key = hash(local, remote, ports);
    this.#buckets.set(key, { value, local, remote, ports, next: this.#buckets.get(key) ?? null });
    this.size++;
  }

  remove(value: T): void {
    const buckets = this.#buckets;
    if (buckets === null) return;
    const key = hash(value.localAddress | 0, value.remoteAddress | 0, (value.remotePort << 16) | value.localPort);
    let before: Entry<T> | null = null;
    for (let e = buckets.get(key) ?? null; e !== null; before = e, e = e.next) {
      if (e.value !== value) continue;
      if (before !== null) before.next = e.next;
      else if (e.next !== null) buckets.set(key, e.next);
      else buckets.delete(key);
      this.size--;
      if (this.#last === e) this.#last = null;
      return;
    }
  }

  *values(): Generator<T> {
    for (const first of this.#buckets?.values() ?? []) {
      for (let e: Entry<T> | null = first; e !== null; e = e.next) yield e.value;
    }
  }
}

function hash(local: number, remote: number, ports: number): number {
  const h = Math.imul(remote ^ Math.imul(local, 0x9e3779b1) ^ Math.imul(ports, 0x85ebca6b), 0xc2b2ae35);
  return (h ^ (h >>> 15)) & 0x3fffffff;
}
