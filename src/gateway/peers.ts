/** Where frames go outside: the endpoints that were named, and those that have spoken. MACs are learnt as a switch learns them. */

/** A tunnel endpoint: an IPv4 address and its UDP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const PEERS_MAX = 256;
const MACS_MAX = 4096;

export class Peers {
  readonly #port: number;
  readonly #peers = new Map<string, Endpoint>();
  /** Which peer has a MAC. In order of use: the first is forgotten when the table is full. */
  readonly #macs = new Map<number, Endpoint>();

  /** `port`: where peers listen that were not named. A datagram's source port is a hash of the flow (RFC 7348 §5), and nobody listens there. */
  constructor(named: readonly Endpoint[], port: number) {
    this.#port = port;
    for (const peer of named) this.#peers.set(peer.address, peer);
  }

  get all(): Iterable<Endpoint> {
    return this.#peers.values();
  }

  /** A frame of `mac` came from `address`. False: there are too many peers. */
  heard(address: string, mac: number, isGroup: boolean): boolean {
    let peer = this.#peers.get(address);
    if (peer === undefined) {
      if (this.#peers.size >= PEERS_MAX) return false;
      peer = { address, port: this.#port };
      this.#peers.set(address, peer);
    }
    if (isGroup) return true;
    this.#macs.delete(mac);
    if (this.#macs.size >= MACS_MAX) for (const oldest of this.#macs.keys()) return this.#replace(oldest, mac, peer);
    this.#macs.set(mac, peer);
    return true;
  }

  /** The peer behind `mac`; undefined: nobody knows, ask all. */
  find(mac: number): Endpoint | undefined {
    return this.#macs.get(mac);
  }

  #replace(oldest: number, mac: number, peer: Endpoint): true {
    this.#macs.delete(oldest);
    this.#macs.set(mac, peer);
    return true;
  }
}
