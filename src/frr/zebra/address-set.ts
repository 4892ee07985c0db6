import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";

/** Addresses that somebody cares for. Whether a prefix holds one of them is asked for every route that changes. */
export class AddressSet {
  readonly #addresses = new Set<Ipv4>();
  /** The networks that they lie in, by length: made when they are asked for. */
  #networks: (Set<Ipv4> | undefined)[] = [];

  add(address: Ipv4): void {
    if (this.#addresses.has(address)) return;
    this.#addresses.add(address);
    this.#networks = [];
  }
  delete(address: Ipv4): void {
    if (this.#addresses.delete(address)) this.#networks = [];
  }
  /** Whether some of them lies in a prefix. */
  someIn({ address, length }: Prefix): boolean {
    let networks = this.#networks[length];
    if (networks === undefined) {
      networks = new Set();
      for (const one of this.#addresses) networks.add(networkOf(one, length));
      this.#networks[length] = networks;
    }
    return networks.has(address);
  }
  /** Those that lie in a prefix. */
  in({ address, length }: Prefix): readonly Ipv4[] {
    return [...this.#addresses].filter((one) => networkOf(one, length) === address);
  }
}
