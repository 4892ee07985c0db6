import type { Ipv4, Mac } from "../../../../core/addr.ts";
import type { NameSpec } from "../rule.ts";
import type { FrameState } from "./frame.ts";

interface Inverted {
  readonly invert?: boolean;
}
/** `-s`, `-d`: a MAC under a mask. */
export interface MacSpec extends Inverted {
  readonly mac: Mac;
  readonly mask: Mac;
}
interface MaskedIp extends Inverted {
  readonly address: Ipv4;
  readonly mask: Ipv4;
}
interface Numbers extends Inverted {
  readonly low: number;
  readonly high: number;
}

/** `-p IPv4 --ip-…`: what stands in the IP header, and ports (net/bridge/netfilter/ebt_ip.c). */
export interface EbIpMatch {
  readonly kind: "ip";
  readonly source?: MaskedIp;
  readonly destination?: MaskedIp;
  readonly tos?: Inverted & { readonly tos: number };
  readonly protocol?: Inverted & { readonly number: number };
  readonly sport?: Numbers;
  readonly dport?: Numbers;
}
/** `-p ARP --arp-…` (net/bridge/netfilter/ebt_arp.c). */
export interface EbArpMatch {
  readonly kind: "arp";
  readonly opcode?: Inverted & { readonly number: number };
  readonly htype?: Inverted & { readonly number: number };
  readonly ptype?: Inverted & { readonly number: number };
  readonly ipSource?: MaskedIp;
  readonly ipDestination?: MaskedIp;
  readonly macSource?: MacSpec;
  readonly macDestination?: MacSpec;
  readonly gratuitous?: Inverted;
}
/** `-p 802_1Q --vlan-…` (net/bridge/netfilter/ebt_vlan.c). */
export interface EbVlanMatch {
  readonly kind: "vlan";
  readonly id?: Inverted & { readonly number: number };
  readonly priority?: Inverted & { readonly number: number };
  readonly encapsulated?: Inverted & { readonly type: number };
}
/** `--mark value/mask` (net/bridge/netfilter/ebt_mark_m.c). */
export interface EbMarkMatch extends Inverted {
  readonly kind: "mark";
  readonly mark: number;
  readonly mask: number;
}
/** `--pkttype-type` (net/bridge/netfilter/ebt_pkttype.c). */
export interface EbPkttypeMatch extends Inverted {
  readonly kind: "pkttype";
  readonly type: "host" | "broadcast" | "multicast" | "otherhost";
}
export type EbMatchSpec = EbArpMatch | EbIpMatch | EbMarkMatch | EbPkttypeMatch | EbVlanMatch;

/** What ends a rule. `CONTINUE` goes on with the next one. */
export type EbVerdict = "ACCEPT" | "DROP" | "CONTINUE" | "RETURN";
export type EbTargetSpec =
  | { readonly kind: EbVerdict }
  | { readonly kind: "jump"; readonly chain: string }
  | {
      readonly kind: "mark";
      readonly op: "set" | "or" | "and" | "xor";
      readonly value: number;
      readonly verdict?: EbVerdict;
    }
  /** Another source MAC; with `arp` in the sender field of ARP packets too. */
  | { readonly kind: "snat"; readonly mac: Mac; readonly arp?: boolean; readonly verdict?: EbVerdict }
  | { readonly kind: "dnat"; readonly mac: Mac; readonly verdict?: EbVerdict }
  /** To this machine. */
  | { readonly kind: "redirect"; readonly verdict?: EbVerdict }
  /** ARP requests are answered here, with that MAC. */
  | { readonly kind: "arpreply"; readonly mac: Mac; readonly verdict?: EbVerdict };

/** A rule as somebody gave it. */
export interface EbRuleSpec {
  /** EtherType, or `LENGTH` for frames of IEEE 802.3. */
  readonly protocol?: Inverted & { readonly type: number | "LENGTH" };
  readonly in?: NameSpec;
  readonly out?: NameSpec;
  readonly logicalIn?: NameSpec;
  readonly logicalOut?: NameSpec;
  readonly source?: MacSpec;
  readonly destination?: MacSpec;
  readonly matches?: readonly EbMatchSpec[];
  readonly target: EbTargetSpec;
}

/** A rule in its chain. */
export interface EbRule {
  readonly spec: EbRuleSpec;
  packets: number;
  bytes: number;
  readonly test: (s: FrameState) => boolean;
  readonly run: (s: FrameState) => EbVerdict;
}

/** A chain of a table. */
export interface EbChain {
  name: string;
  /** The hook of a built-in chain; -1 for one that somebody made. */
  readonly hook: number;
  policy: EbVerdict;
  packets: number;
  bytes: number;
  readonly rules: EbRule[];
}
export type EbTableName = "filter" | "nat";
