import { ANY, type Ipv4 } from "../../core/addr.ts";
import { hash, portWord } from "../../protocols/tcp/isn.ts";
import type { Kernel } from "./kernel.ts";
import type { Tcp } from "./tcp.ts";

/** Who uses a port: a socket, or a connection that waits. */
export interface PortUser {
  readonly localAddress: Ipv4;
  readonly localPort: number;
  /** The device it is bound to; undefined: any. */
  readonly ifname: string | undefined;
  /** SO_REUSEADDR was set when it was bound. */
  readonly reuse: boolean;
  readonly listening: boolean;
  /** The program chose the port, or asked for one; false: connecting drew it, and others may draw it too. */
  readonly chosen: boolean;
}

/** Which ports are used, and by whom (`inet_bind_bucket`). */
export class TcpPorts {
  readonly #kernel: Kernel;
  readonly #tcp: Tcp;
  readonly #users = new Map<number, PortUser[]>();
  /** Grows with every port drawn, so that they are not drawn in an order that strangers know (RFC 6056 §3.3.4). */
  #drawn = 0;

  constructor(kernel: Kernel, tcp: Tcp) {
    this.#kernel = kernel;
    this.#tcp = tcp;
  }

  add(user: PortUser): void {
    const users = this.#users.get(user.localPort);
    if (users === undefined) this.#users.set(user.localPort, [user]);
    else users.push(user);
  }
  remove(user: PortUser): void {
    const users = this.#users.get(user.localPort) ?? [];
    const at = users.indexOf(user);
    if (at < 0) return;
    users.splice(at, 1);
    if (users.length === 0) this.#users.delete(user.localPort);
  }

  /** Whether a socket may be bound (net/ipv4/inet_connection_sock.c:inet_csk_bind_conflict). `except`: the socket itself. */
  mayBind(address: Ipv4, port: number, ifname: string | undefined, reuse: boolean, except?: PortUser): boolean {
    for (const u of this.#users.get(port) ?? []) {
      if (u === except || (ifname !== undefined && u.ifname !== undefined && ifname !== u.ifname)) continue;
      if (reuse && u.reuse && !u.listening) continue;
      if (address === ANY || u.localAddress === ANY || address === u.localAddress) return false;
    }
    return true;
  }

  /** A port for a socket that asks for any (`inet_csk_find_open_port`): of the odd ones first, for connecting draws even ones. */
  forBinding(address: Ipv4, ifname: string | undefined, reuse: boolean): number | undefined {
    const { name, sim } = this.#kernel;
    const { low, count } = this.#range();
    const first = sim.rng(`tcp ports ${name}`).int(count) | 1;
    return search(low, count, first, (port) => this.mayBind(address, port, ifname, reuse));
  }

  /** A port for a connection to `remote` (`__inet_hash_connect`, RFC 6056 §3.3.4). */
  forConnecting(local: Ipv4, remote: Ipv4, remotePort: number): number | undefined {
    const { low, count } = this.#range();
    const offset = hash(this.#tcp.secret, 2, local, remote, portWord(0, remotePort)) >>> 1;
    const first = ((offset + this.#drawn) % count) & ~1;
    const port = search(low, count, first, (candidate) => {
      const users = this.#users.get(candidate);
      if (users?.some((u) => u.chosen)) return false;
      return this.#tcp.isFree(local, candidate, remote, remotePort);
    });
    this.#drawn = (this.#drawn + 2) & 0xffff;
    return port;
  }

  #range(): { readonly low: number; readonly count: number } {
    const { ip_local_port_range_low: low, ip_local_port_range_high: high } = this.#kernel.sysctl;
    return { low, count: high - low + 1 };
  }
}

/** Tries every second port from `low + first` on, round to where it began, then those between. */
function search(low: number, count: number, first: number, fits: (port: number) => boolean): number | undefined {
  const half = (count + 1) >> 1;
  for (const parity of [first & 1, (first & 1) ^ 1]) {
    for (let i = 0; i < half; i++) {
      const offset = 2 * (((first >> 1) + i) % half) + parity;
      if (offset < count && fits(low + offset)) return low + offset;
    }
  }
  return undefined;
}
