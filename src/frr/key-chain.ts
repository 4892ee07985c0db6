import type { CommandSet } from "./command.ts";
import { tableFull } from "./refusal.ts";
import type { ConfigBlock } from "./vty.ts";

/** `cryptographic-algorithm` of a key (lib/keychain.h). */
export type KeyAlgorithm = "md5" | "hmac-sha-1" | "hmac-sha-256" | "hmac-sha-384" | "hmac-sha-512";
const ALGORITHMS: readonly KeyAlgorithm[] = ["md5", "hmac-sha-1", "hmac-sha-256", "hmac-sha-384", "hmac-sha-512"];

/** A key of a chain; it is of use once both are set. */
export class ChainKey {
  readonly id: number;
  secret: string | undefined;
  algorithm: KeyAlgorithm | undefined;

  constructor(id: number) {
    this.id = id;
  }
}

/** Chains, and keys of one chain, at most. */
const CHAINS_MAX = 1000;
const KEYS_MAX = 1000;

/** The key chains of one daemon (lib/keychain.c). Keys hold for ever: lifetimes are not built. */
export class KeyChains {
  readonly #chains = new Map<string, Map<number, ChainKey>>();

  /** The keys of a chain by number; undefined: there is no such chain. */
  keys(name: string): readonly ChainKey[] | undefined {
    const chain = this.#chains.get(name);
    return chain === undefined ? undefined : [...chain.values()].sort((a, b) => a.id - b.id);
  }
  /** The key that signs (lib/keychain.c:key_lookup_for_send). */
  forSending(name: string): ChainKey | undefined {
    return this.keys(name)?.[0];
  }
  /** The key that a packet with this number is read with: that one, or else the next higher (lib/keychain.c:key_lookup_for_accept). */
  forReceiving(name: string, id: number): ChainKey | undefined {
    return this.keys(name)?.find((key) => key.id >= id);
  }

  open(name: string): Map<number, ChainKey> | undefined {
    const known = this.#chains.get(name);
    if (known !== undefined || this.#chains.size >= CHAINS_MAX) return known;
    const chain = new Map<number, ChainKey>();
    this.#chains.set(name, chain);
    return chain;
  }
  remove(name: string): void {
    this.#chains.delete(name);
  }

  /** Its part of the running configuration (lib/keychain_cli.c). */
  writeConfig(): readonly ConfigBlock[] {
    return [...this.#chains.keys()].map((name) => ({
      section: "key-chain",
      head: `key chain ${name}`,
      lines: (this.keys(name) ?? []).flatMap((key) => [
        ` key ${key.id}`,
        ...(key.secret === undefined ? [] : [`  key-string ${key.secret}`]),
        ...(key.algorithm === undefined ? [] : [`  cryptographic-algorithm ${key.algorithm}`]),
        " exit",
      ]),
      end: "exit",
    }));
  }
}

/** Adds `key chain` and what stands inside it. `of`: where the daemon keeps its chains. */
export function installKeyChains<Root>(set: CommandSet<Root>, of: (daemon: Root) => KeyChains): void {
  set.open("config", "key chain WORD$name", "key chain", (d: Root, a) => {
    const chain = of(d).open(a.text("name"));
    return chain === undefined ? tableFull("key chains", CHAINS_MAX) : { context: chain };
  });
  set.add("config", "no key chain WORD$name", (d, a) => of(d).remove(a.text("name")));
  set.open("key chain", "key (0-2147483647)$id", "key", (chain: Map<number, ChainKey>, a) => {
    const id = a.int("id");
    let key = chain.get(id);
    if (key === undefined) {
      if (chain.size >= KEYS_MAX) return tableFull("keys", KEYS_MAX);
      chain.set(id, (key = new ChainKey(id)));
    }
    return { context: key };
  });
  set.addIn<Map<number, ChainKey>>("key chain", "no key (0-2147483647)$id", (chain, a) => {
    chain.delete(a.int("id"));
  });
  set.addIn<ChainKey>("key", "key-string LINE...$secret", (key, a) => {
    key.secret = a.text("secret");
  });
  set.addIn<ChainKey>("key", "no key-string [LINE...]", (key) => {
    key.secret = undefined;
  });
  set.addIn<ChainKey>("key", `cryptographic-algorithm <${ALGORITHMS.join("|")}>$algorithm`, (key, a) => {
    key.algorithm = ALGORITHMS.find((name) => name === a.text("algorithm"));
  });
  set.addIn<ChainKey>("key", `no cryptographic-algorithm [<${ALGORITHMS.join("|")}>]`, (key) => {
    key.algorithm = undefined;
  });
}
